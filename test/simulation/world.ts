/**
 * The simulated world: one API server in memory, one time, and a record of who wrote what.
 *
 * Everybody writes through a port of their own ({@link World.portFor}), so that every write has a name to it. What
 * the world knows is the truth: invariants and cluster components read it directly, the operator never does.
 */

import type { JsonRecord } from "../../src/api/json.ts";
import type { KubeObject, ObjectReference, ResourceType } from "../../src/api/kube-object.ts";
import { keyOf } from "../../src/kube/object-key.ts";
import type {
  ApplyOptions,
  DeleteOptions,
  KubePort,
  ListOptions,
  ObjectList,
  WatchEvent,
  WatchOptions,
} from "../../src/kube/port.ts";
import { MemoryApiServer } from "../memory-cluster/api-server.ts";
import { promisesSettled, VirtualClock } from "../memory-cluster/virtual-clock.ts";
import { JumpingClock } from "./jumping-clock.ts";
import { Trace } from "./trace.ts";
import type { ApiCall } from "./write-point.ts";

/** One change of an object in store. */
export interface Write {
  /** Who wrote; the API server's own collector where nobody did. */
  readonly actor: string;
  /** By which call; undefined where it was none. */
  readonly call: ApiCall | undefined;
  /** Absent when the write made the object. */
  readonly before: KubeObject | undefined;
  /** Absent when the write removed the object. */
  readonly after: KubeObject | undefined;
}

/** Told of each write, within the call that wrote. Must not write itself. */
export type WriteListener = (write: Write) => void;

const NOBODY = "api-server";

/** Everything outside the operator. */
export class World {
  readonly clock = new VirtualClock(undefined, promisesSettled);
  /** The wall clock of the API server: it sets timestamps. */
  readonly serverClock = new JumpingClock(this.clock);
  readonly server = new MemoryApiServer(this.serverClock, ["Pod", "Lease", "Event"]);
  readonly trace = new Trace();
  readonly #byKind = new Map<string, Map<string, KubeObject>>();
  readonly #byUid = new Map<string, KubeObject>();
  /** Uids of the objects that exist. */
  readonly #present = new Set<string>();
  /** Lists that were asked for since the last write; everybody looks at all of them in every step. */
  readonly #lists = new Map<string, readonly KubeObject[]>();
  readonly #listeners: WriteListener[] = [];
  #actor = NOBODY;
  #call: ApiCall | undefined;
  #nameCount = 0;

  constructor() {
    this.server.subscribe(({ before, after }) => this.#record(before, after));
  }

  /** The objects of a kind that exist, in the order in which they were made. */
  objects(kind: string): readonly KubeObject[] {
    const known = this.#lists.get(kind);
    if (known !== undefined) return known;
    const list = [...(this.#byKind.get(kind)?.values() ?? [])];
    this.#lists.set(kind, list);
    return list;
  }

  /** Every object that exists. */
  allObjects(): readonly KubeObject[] {
    return [...this.#byKind.keys()].flatMap((kind) => this.objects(kind));
  }

  /** The object of a kind and name, if it exists. */
  find(kind: string, namespace: string, name: string): KubeObject | undefined {
    return this.#byKind.get(kind)?.get(keyOf({ namespace, name }));
  }

  /** The last form of an object that exists or has existed. */
  remembered(uid: string | undefined): KubeObject | undefined {
    return uid === undefined ? undefined : this.#byUid.get(uid);
  }

  /** Whether the object of this uid exists. */
  exists(uid: string | undefined): boolean {
    return uid !== undefined && this.#present.has(uid);
  }

  /** The controlling owner, also when it is gone by now. */
  controllerOf(object: KubeObject): KubeObject | undefined {
    const owner = object.metadata.ownerReferences?.find(({ controller }) => controller === true);
    return this.remembered(owner?.uid);
  }

  /** Has the listener told of each write from now on. */
  onWrite(listener: WriteListener): void {
    this.#listeners.push(listener);
  }

  /** A suffix that no other object has. */
  uniqueSuffix(): string {
    this.#nameCount += 1;
    return this.#nameCount.toString(36).padStart(4, "0");
  }

  /** The API, with every write under this name. */
  portFor(actor: string): KubePort {
    return new NamedPort(this.server, (call, send) => this.#as(actor, call, send));
  }

  /** Writes a status, or binds a pod, as a component of the cluster. */
  async writeAsComponent(
    actor: string,
    reference: ObjectReference,
    fields: { readonly status?: JsonRecord; readonly nodeName?: string },
  ): Promise<void> {
    await this.#as(actor, undefined, () => this.server.writeAsComponent(reference, fields));
  }

  /** Calls run to their write before they first wait, so the name holds exactly for that. */
  #as<Result>(actor: string, call: ApiCall | undefined, send: () => Result): Result {
    this.#actor = actor;
    this.#call = call;
    try {
      return send();
    } finally {
      this.#actor = NOBODY;
      this.#call = undefined;
    }
  }

  #record(before: KubeObject | undefined, after: KubeObject | undefined): void {
    const object = after ?? before;
    if (object === undefined) return;
    const objects = this.#byKind.get(object.kind) ?? new Map<string, KubeObject>();
    this.#byKind.set(object.kind, objects);
    if (after === undefined) objects.delete(keyOf(object.metadata));
    else objects.set(keyOf(object.metadata), after);
    this.#lists.delete(object.kind);
    const { uid } = object.metadata;
    if (uid !== undefined) {
      this.#byUid.set(uid, object);
      if (after === undefined) this.#present.delete(uid);
      else this.#present.add(uid);
    }
    const write: Write = { actor: this.#actor, call: this.#call, before, after };
    for (const listener of this.#listeners) listener(write);
  }
}

/** Runs a call under a name; `call` says which one it is. */
type Naming = <Result>(call: ApiCall, send: () => Result) => Result;

/** A port whose writes run under a name. */
class NamedPort implements KubePort {
  readonly #port: KubePort;
  readonly #as: Naming;

  constructor(port: KubePort, as: Naming) {
    this.#port = port;
    this.#as = as;
  }

  list(resource: ResourceType, options: ListOptions): Promise<ObjectList> {
    return this.#port.list(resource, options);
  }

  watch(resource: ResourceType, options: WatchOptions, signal: AbortSignal): AsyncIterable<WatchEvent> {
    return this.#port.watch(resource, options, signal);
  }

  get(reference: ObjectReference): Promise<KubeObject> {
    return this.#port.get(reference);
  }

  create(object: KubeObject, options: { readonly fieldManager: string }): Promise<KubeObject> {
    return this.#as({ verb: "create", kind: object.kind }, () => this.#port.create(object, options));
  }

  replace(object: KubeObject, options: { readonly fieldManager: string }): Promise<KubeObject> {
    return this.#as({ verb: "replace", kind: object.kind }, () => this.#port.replace(object, options));
  }

  apply(object: KubeObject, options: ApplyOptions, target?: ObjectReference): Promise<KubeObject> {
    const { kind } = target?.resource ?? object;
    const call: ApiCall = { verb: "apply", kind, subresource: options.subresource };
    return this.#as(call, () => this.#port.apply(object, options, target));
  }

  delete(reference: ObjectReference, options: DeleteOptions): Promise<void> {
    return this.#as({ verb: "delete", kind: reference.resource.kind }, () =>
      this.#port.delete(reference, options),
    );
  }
}
