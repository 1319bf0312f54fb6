/**
 * An API server in memory: the {@link KubePort} with the semantics that Petrel relies on, and no more. The
 * contract suite holds it to the real one, so that the simulation cannot drift from the truth.
 *
 * Deterministic: time comes from the clock, uids count up, lists are in the order of keys. It never fails by
 * itself; faults are put around it (`faulty-port.ts`).
 */
import type { JsonRecord } from "../../src/api/json.ts";
import { isRecord } from "../../src/api/json.ts";
import { jsonEquals } from "../../src/api/json-equals.ts";
import type { KubeObject, ObjectReference, ResourceType } from "../../src/api/kube-object.ts";
import type { Clock } from "../../src/core/clock.ts";
import { keyOf, referenceTo } from "../../src/kube/object-key.ts";
import {
  type ApplyOptions,
  type DeleteOptions,
  KubeError,
  type KubePort,
  type ListOptions,
  type ObjectList,
  type WatchEvent,
  type WatchOptions,
} from "../../src/kube/port.ts";
import { requireFixedFields } from "./fixed-fields.ts";
import { collectGarbage } from "./garbage-collector.ts";
import { behaviourOf } from "./kinds.ts";
import { ObjectStore, type StoredChange, typeName } from "./object-store.ts";
import { applyAs, updateAs, type Writer } from "./ownership.ts";
import { conflict, describe, requireAppliedIdentity, requireUid, requireVersion } from "./preconditions.ts";
import { filterOf } from "./selectors.ts";
import { watchStream } from "./watch-stream.ts";
import { asJson } from "./wire-copy.ts";

type WriteOptions = { readonly fieldManager: string };

/** A Kubernetes API without a cluster behind it. */
export class MemoryApiServer implements KubePort {
  readonly #clock: Clock;
  readonly #store = new ObjectStore();
  readonly #untracked: ReadonlySet<string>;
  #uidCount = 0;

  /**
   * @param untracked kinds that nobody applies: who owns their fields is not recorded, which takes the most time
   *   of a write.
   */
  constructor(clock: Clock, untracked: readonly string[] = []) {
    this.#clock = clock;
    this.#untracked = new Set(untracked);
  }

  /** Every object in store, for invariants. Frozen. */
  objects(): readonly KubeObject[] {
    return this.#store.all();
  }

  /** Calls the listener at each write, within the call that writes. Returns a function that ends that. */
  subscribe(listener: (change: StoredChange) => void): () => void {
    return this.#store.subscribe(listener);
  }

  /** Forgets the history of changes: watches and pages that go on from an older version get a 410. */
  compact(): void {
    this.#store.compact();
  }

  /**
   * Deletes what has lost its owners, as the garbage collector of the controller manager. Returns the number
   * of steps.
   */
  async collectGarbage(): Promise<number> {
    return await collectGarbage(this, this.#store);
  }

  /** Removes a pod that waits for its node to confirm its end, as the kubelet does. */
  async confirmTermination(reference: ObjectReference): Promise<void> {
    const stored = this.#stored(reference);
    if (stored.metadata.deletionTimestamp === undefined) {
      throw new KubeError(409, "Conflict", `${describe(reference)} is not being deleted`);
    }
    this.#store.remove(typeName(reference.resource), keyOf(reference));
  }

  async list(resource: ResourceType, options: ListOptions): Promise<ObjectList> {
    const from = options.continueToken === undefined ? undefined : parseContinueToken(options.continueToken);
    const version = from?.version ?? this.#store.version;
    const filter = filterOf(options);
    const found = this.#store
      .objectsAt(typeName(resource), version)
      .filter((object) => filter(object) && (from === undefined || keyOf(object.metadata) > from.lastKey));
    const items = options.limit === undefined || options.limit === 0 ? found : found.slice(0, options.limit);
    const last = items.at(-1);
    const hasMore = items.length < found.length && last !== undefined;
    return {
      items,
      resourceVersion: String(version),
      ...(hasMore ? { continueToken: `${version}:${keyOf(last.metadata)}` } : {}),
    };
  }

  async *watch(
    resource: ResourceType,
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent> {
    const source = {
      store: this.#store,
      clock: this.#clock,
      type: typeName(resource),
      filter: filterOf(options),
    };
    yield* watchStream(source, options, signal);
  }

  async get(reference: ObjectReference): Promise<KubeObject> {
    return this.#stored(reference);
  }

  async create(object: KubeObject, options: WriteOptions): Promise<KubeObject> {
    const reference = referenceTo(object);
    if (this.#find(reference) !== undefined) {
      throw new KubeError(409, "AlreadyExists", `${describe(reference)} already exists`);
    }
    if (object.metadata.resourceVersion !== undefined) {
      throw new KubeError(500, "Unknown", "resourceVersion should not be set on objects to be created");
    }
    const fresh = this.#withDefaults(this.#newborn(asJson(object), object));
    return this.#store.put(typeName(reference.resource), this.#updated(undefined, fresh, options));
  }

  async replace(object: KubeObject, options: WriteOptions): Promise<KubeObject> {
    const reference = referenceTo(object);
    const stored = this.#stored(reference);
    requireVersion(reference, stored, object.metadata.resourceVersion);
    requireUid(reference, stored, object.metadata.uid);
    const { status, ...fields } = asJson({ ...object });
    const { hasStatus } = behaviourOf(object.kind);
    const kept = hasStatus ? stored["status"] : status;
    const merged = this.#withDefaults({
      ...fields,
      ...(kept === undefined ? {} : { status: kept }),
      apiVersion: object.apiVersion,
      kind: object.kind,
      metadata: { ...asJson({ ...object.metadata }), ...serverMetadata(stored), name: object.metadata.name },
    });
    return this.#commit(reference.resource, stored, this.#updated(stored, merged, options));
  }

  /**
   * Writes the status of an object as the components of a cluster do, or binds a pod to a node. Who owns these
   * fields is not recorded: only the components write them.
   */
  async writeAsComponent(
    reference: ObjectReference,
    fields: { readonly status?: JsonRecord; readonly nodeName?: string },
  ): Promise<KubeObject> {
    const stored = this.#stored(reference);
    const { status, nodeName } = fields;
    const spec = isRecord(stored["spec"]) ? stored["spec"] : {};
    return this.#commit(reference.resource, stored, {
      ...stored,
      ...(status === undefined ? {} : { status }),
      ...(nodeName === undefined ? {} : { spec: { ...spec, nodeName } }),
    });
  }

  async apply(object: KubeObject, options: ApplyOptions, target?: ObjectReference): Promise<KubeObject> {
    if (options.subresource === undefined) return this.#applyMain(object, options);
    if (options.subresource === "status") return this.#applyStatus(object, options);
    if (target === undefined) throw new Error("an apply to /scale needs the object that is scaled");
    return this.#applyScale(object, options, target);
  }

  async delete(reference: ObjectReference, options: DeleteOptions): Promise<void> {
    const stored = this.#stored(reference);
    if (options.uid !== undefined && options.uid !== stored.metadata.uid) {
      throw conflict(
        reference,
        `the UID in the precondition is ${options.uid}, the object's is ${stored.metadata.uid}`,
      );
    }
    const finalizers = new Set(stored.metadata.finalizers);
    if (options.propagationPolicy === "Foreground") finalizers.add("foregroundDeletion");
    if (options.propagationPolicy === "Orphan") finalizers.add("orphan");
    if (finalizers.size === 0 && !waitsForNode(stored)) {
      this.#store.remove(typeName(reference.resource), keyOf(reference));
      return;
    }
    if (stored.metadata.deletionTimestamp !== undefined) return;
    const { generation } = stored.metadata;
    this.#store.put(typeName(reference.resource), {
      ...stored,
      metadata: {
        ...stored.metadata,
        ...(generation === undefined ? {} : { generation: generation + 1 }),
        ...(finalizers.size === 0 ? {} : { finalizers: [...finalizers] }),
        deletionTimestamp: this.#timestamp(),
      },
    });
  }

  #applyMain(object: KubeObject, options: ApplyOptions): KubeObject {
    const reference = referenceTo(object);
    const stored = this.#find(reference);
    const applied = asObject(behaviourOf(object.kind).hasStatus ? { ...object, status: undefined } : object);
    const writer = writerOf(options.fieldManager, "Apply", object.apiVersion);
    if (stored !== undefined) {
      requireAppliedIdentity(reference, stored, object);
      return this.#applied(reference, stored, applied, writer, options.force);
    }
    // A version alone does not keep the real server from making the object anew; a uid does.
    if (object.metadata.uid !== undefined)
      throw conflict(reference, "uid mismatch: no existing object was found");
    const fresh = this.#merged(reference, this.#newborn({}, object), applied, writer, false);
    return this.#store.put(typeName(reference.resource), this.#withDefaults(fresh));
  }

  #applyStatus(object: KubeObject, options: ApplyOptions): KubeObject {
    const reference = referenceTo(object);
    const stored = this.#stored(reference);
    requireAppliedIdentity(reference, stored, object);
    const { apiVersion, kind, metadata, status } = object;
    const applied = asObject({ apiVersion, kind, metadata: { name: metadata.name }, status });
    const writer = { ...writerOf(options.fieldManager, "Apply", apiVersion), subresource: "status" };
    return this.#applied(reference, stored, applied, writer, options.force);
  }

  /**
   * The Scale is a view: what it says of replicas is said of the object behind it, which also records the
   * owner.
   */
  #applyScale(scale: KubeObject, options: ApplyOptions, target: ObjectReference): KubeObject {
    const stored = this.#stored(target);
    requireVersion(target, stored, scale.metadata.resourceVersion);
    const { apiVersion, kind } = stored;
    if (!behaviourOf(kind).hasScale)
      throw new KubeError(500, "Unknown", `cannot convert ${kind} from autoscaling/v1`);
    const spec = isRecord(scale["spec"]) ? scale["spec"] : {};
    const applied = {
      apiVersion,
      kind,
      metadata: { name: target.name },
      spec: { replicas: spec["replicas"] },
    };
    const writer = { ...writerOf(options.fieldManager, "Apply", apiVersion), subresource: "scale" };
    return scaleOf(this.#applied(target, stored, asObject(applied), writer, options.force));
  }

  #applied(
    reference: ObjectReference,
    stored: KubeObject,
    applied: KubeObject,
    writer: Writer,
    force: boolean,
  ): KubeObject {
    const merged = this.#merged(reference, stored, applied, writer, force);
    return this.#commit(reference.resource, stored, this.#withDefaults(merged));
  }

  #merged(
    reference: ObjectReference,
    live: KubeObject,
    applied: KubeObject,
    writer: Writer,
    force: boolean,
  ): KubeObject {
    const outcome = applyAs(writer, live, applied, force);
    if ("object" in outcome) return outcome.object;
    const fields = outcome.conflicts.map(({ manager, field }) => `conflict with "${manager}": ${field}`);
    throw conflict(reference, `Apply failed with ${fields.length} conflicts: ${fields.join("; ")}`);
  }

  #updated(stored: KubeObject | undefined, next: KubeObject, options: WriteOptions): KubeObject {
    if (this.#untracked.has(next.kind)) return next;
    return updateAs(writerOf(options.fieldManager, "Update", next.apiVersion), stored, next);
  }

  /** Stores what has changed; a write that changes nothing gets no version. */
  #commit(resource: ResourceType, stored: KubeObject, next: KubeObject): KubeObject {
    const { generation = 1 } = stored.metadata;
    requireFixedFields(stored, next);
    const isCounted = behaviourOf(stored.kind).hasGeneration;
    const bumped =
      isCounted && !jsonEquals(countedFields(stored), countedFields(next)) ? generation + 1 : generation;
    const metadata = {
      ...next.metadata,
      ...serverMetadata(stored),
      ...(isCounted ? { generation: bumped } : {}),
    };
    const object = { ...next, metadata };
    if (jsonEquals(stored, object)) return stored;
    const isEnding = metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).length === 0;
    const type = typeName(resource);
    if (!isEnding || waitsForNode(stored)) return this.#store.put(type, object);
    this.#store.remove(type, keyOf(metadata));
    return object;
  }

  #newborn(fields: Readonly<Record<string, unknown>>, object: KubeObject): KubeObject {
    const { status: _status, ...rest } = fields;
    const { hasStatus, hasGeneration } = behaviourOf(object.kind);
    this.#uidCount += 1;
    const suffix = this.#uidCount.toString(16).padStart(12, "0");
    const metadata = isRecord(fields["metadata"]) ? fields["metadata"] : {};
    const { name, namespace } = object.metadata;
    return {
      ...(hasStatus ? rest : fields),
      apiVersion: object.apiVersion,
      kind: object.kind,
      metadata: {
        ...metadata,
        name,
        ...(namespace === undefined ? {} : { namespace }),
        uid: `00000000-0000-4000-8000-${suffix}`,
        creationTimestamp: this.#timestamp(),
        ...(hasGeneration ? { generation: 1 } : {}),
      },
    };
  }

  #withDefaults(object: KubeObject): KubeObject {
    const { apiVersion, kind, metadata, ...fields } = object;
    return { ...behaviourOf(kind).withDefaults(fields), apiVersion, kind, metadata };
  }

  #find(reference: ObjectReference): KubeObject | undefined {
    return this.#store.get(typeName(reference.resource), keyOf(reference));
  }

  #stored(reference: ObjectReference): KubeObject {
    const stored = this.#find(reference);
    if (stored === undefined) throw new KubeError(404, "NotFound", `${describe(reference)} not found`);
    return stored;
  }

  /** Whole seconds, as `metav1.Time`. */
  #timestamp(): string {
    return new Date(this.#clock.now()).toISOString().replace(/\.\d+Z$/, "Z");
  }
}

function writerOf(manager: string, operation: "Apply" | "Update", apiVersion: string): Writer {
  return { manager, operation, apiVersion };
}

/** Whether the object stays after its deletion until its node has confirmed: a pod that was scheduled. */
function waitsForNode(stored: KubeObject): boolean {
  const spec = isRecord(stored["spec"]) ? stored["spec"] : {};
  return behaviourOf(stored.kind).waitsForNode && spec["nodeName"] !== undefined;
}

/** What a client cannot change. */
function serverMetadata({ metadata }: KubeObject) {
  const { uid, resourceVersion, generation, creationTimestamp, deletionTimestamp } = metadata;
  return {
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(generation === undefined ? {} : { generation }),
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
  };
}

/** The fields whose change is a new generation. */
function countedFields({ metadata: _metadata, status: _status, ...rest }: KubeObject): unknown {
  return rest;
}

function scaleOf(object: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const spec = isRecord(object["spec"]) ? object["spec"] : {};
  const status = isRecord(object["status"]) ? object["status"] : {};
  return asObject({
    apiVersion: "autoscaling/v1",
    kind: "Scale",
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: spec["replicas"] },
    status: { replicas: status["replicas"] ?? 0 },
  });
}

function parseContinueToken(token: string): { readonly version: number; readonly lastKey: string } {
  const [version, lastKey] = token.split(":");
  if (version === undefined || lastKey === undefined) {
    throw new KubeError(400, "BadRequest", "continue key is not valid");
  }
  return { version: Number(version), lastKey };
}

function asObject(value: { readonly apiVersion: string; readonly kind: string } & JsonRecord): KubeObject {
  const fields = asJson(value);
  const { apiVersion, kind } = value;
  const metadata = isRecord(fields["metadata"]) ? fields["metadata"] : {};
  const name = metadata["name"];
  if (typeof name !== "string") throw new KubeError(422, "Invalid", "metadata.name: Required value");
  return { ...fields, apiVersion, kind, metadata: { ...metadata, name } };
}
