/**
 * Keeps the EndpointSlices of this router as they are wanted: applied when they differ, removed when nobody wants
 * them. The only writer of EndpointSlices in a router.
 */
import type { KubeObject } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import type { Random } from "../kube/backoff.ts";
import { Cache } from "../kube/cache.ts";
import { isApplied, withApplyHash } from "../kube/drift.ts";
import { keyOf } from "../kube/object-key.ts";
import { isConflict, isNotFound, type KubePort } from "../kube/port.ts";
import { Reconciler } from "../kube/reconciler.ts";
import { SLICE_MANAGER } from "./endpoint-slices.ts";
import type { RouterIdentity } from "./router-identity.ts";

/** What a writer needs. */
export interface SliceWriterOptions {
  readonly identity: RouterIdentity;
  readonly port: KubePort;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Field manager of what routers apply. It stands in stored objects. */
const FIELD_MANAGER = "petrel-router";

/** Writes EndpointSlices. */
export class SliceWriter {
  readonly #options: SliceWriterOptions;
  /** All routers' EndpointSlices of the namespace. */
  readonly #slices: Cache<KubeObject>;
  readonly #reconciler: Reconciler;
  #wanted: ReadonlyMap<string, KubeObject> = new Map();
  /** What was applied over which version: until the watch shows the result, the cache is behind. */
  readonly #applied = new Map<string, { readonly wanted: KubeObject; readonly over: string | undefined }>();

  constructor(options: SliceWriterOptions) {
    this.#options = options;
    const { identity, port, clock, random, log } = options;
    this.#slices = new Cache({
      port,
      resource: RESOURCE.endpointSlice,
      scope: {
        namespace: identity.namespace,
        labelSelector: `${SLICE_MANAGER.label}=${SLICE_MANAGER.value}`,
      },
      project: withoutManagedFields,
      clock,
      random,
      log,
    });
    this.#reconciler = new Reconciler({
      name: "endpointslices",
      reconcile: (key) => this.#reconcile(key),
      workers: 4,
      clock,
      random,
      log,
    });
    this.#slices.subscribe(({ key, before, after }) => {
      if ([before, after].some((slice) => slice !== undefined && this.#isOurs(slice)))
        this.#reconciler.add(key);
    });
  }

  /** Resolves when the EndpointSlices that exist are known. */
  get synced(): Promise<void> {
    return this.#slices.synced;
  }

  /** Writes until the signal is aborted and what has begun is done. */
  async run(signal: AbortSignal): Promise<void> {
    const watch = this.#slices.run(signal);
    await Promise.race([this.#slices.synced, watch]);
    if (!signal.aborted) this.#reconciler.start();
    await watch;
    await this.#reconciler.stop();
  }

  /** Says which EndpointSlices this router is to have. */
  want(slices: readonly KubeObject[]): void {
    const before = this.#wanted;
    this.#wanted = new Map(
      slices.map((slice) => {
        const key = keyOf(slice.metadata);
        const wanted = withApplyHash(slice);
        const known = before.get(key);
        return [key, known !== undefined && isApplied(wanted, known) ? known : wanted];
      }),
    );
    for (const key of new Set([...before.keys(), ...this.#wanted.keys()])) {
      if (!this.#isWritten(key)) this.#reconciler.add(key);
    }
  }

  /** Whether all EndpointSlices have been seen as they are wanted. */
  get isSettled(): boolean {
    return [...this.#wanted.keys()].every((key) => this.#isWritten(key));
  }

  #isWritten(key: string): boolean {
    const wanted = this.#wanted.get(key);
    const live = this.#slices.get(key);
    return wanted === undefined ? live === undefined : live !== undefined && isApplied(wanted, live);
  }

  #isOurs({ metadata }: KubeObject): boolean {
    return metadata.ownerReferences?.some(({ uid }) => uid === this.#options.identity.podUid) ?? false;
  }

  async #reconcile(key: string): Promise<Record<string, never>> {
    const wanted = this.#wanted.get(key);
    const live = this.#slices.get(key);
    if (wanted !== undefined) {
      if (live === undefined || !isApplied(wanted, live)) await this.#apply(key, wanted, live);
      return {};
    }
    this.#applied.delete(key);
    if (live?.metadata.uid !== undefined && this.#isOurs(live)) {
      await this.#delete(live, live.metadata.uid);
    }
    return {};
  }

  async #apply(key: string, wanted: KubeObject, live: KubeObject | undefined): Promise<void> {
    const over = live?.metadata.resourceVersion;
    const applied = this.#applied.get(key);
    if (applied?.wanted === wanted && applied.over === over) return;
    await this.#options.port.apply(wanted, { fieldManager: FIELD_MANAGER, force: true });
    this.#applied.set(key, { wanted, over });
  }

  async #delete({ metadata: { name, namespace } }: KubeObject, uid: string): Promise<void> {
    const reference = {
      resource: RESOURCE.endpointSlice,
      name,
      ...(namespace === undefined ? {} : { namespace }),
    };
    try {
      await this.#options.port.delete(reference, { uid });
    } catch (error) {
      // Gone already, or another object by now: either is what was wanted.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }
}

function withoutManagedFields(object: KubeObject): KubeObject {
  const { managedFields: _managedFields, ...metadata } = object.metadata;
  return { ...object, metadata };
}
