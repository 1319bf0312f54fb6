/**
 * Keeps the EndpointSlices of this router as they are wanted: applied when they differ, removed when nobody wants
 * them. The only writer of this router's own EndpointSlices.
 */
import type { KubeObject } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import { remove } from "../kube/apply.ts";
import type { Random } from "../kube/backoff.ts";
import { Cache } from "../kube/cache.ts";
import { isApplied, withApplyHash } from "../kube/drift.ts";
import { keyOf, referenceTo } from "../kube/object-key.ts";
import { isConflict, type KubePort } from "../kube/port.ts";
import { type ReconcileResult, Reconciler } from "../kube/reconciler.ts";
import { ROUTER_SLICES_SELECTOR } from "./endpoint-slices.ts";
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

/** So long the watch may take to show what was applied. A watch that had to begin anew may never show it. */
const WATCH_LAG_MILLISECONDS = 30_000;

/** An apply whose result the watch has not shown yet. */
interface PendingApply {
  readonly wanted: KubeObject;
  /** The version that the watch showed then; absent when there was no object. */
  readonly over: string | undefined;
  /** Until then the result is waited for. Monotonic milliseconds. */
  readonly until: number;
}

/** Writes EndpointSlices. */
export class SliceWriter {
  readonly #options: SliceWriterOptions;
  /** All routers' EndpointSlices of the namespace. */
  readonly #slices: Cache<KubeObject>;
  readonly #reconciler: Reconciler;
  #wanted: ReadonlyMap<string, KubeObject> = new Map();
  /** Until the watch shows the result, the cache is behind, and no reason to apply again. */
  readonly #applied = new Map<string, PendingApply>();

  constructor(options: SliceWriterOptions) {
    this.#options = options;
    const { identity, port, clock, random, log } = options;
    this.#slices = new Cache({
      port,
      resource: RESOURCE.endpointSlice,
      scope: {
        namespace: identity.namespace,
        labelSelector: ROUTER_SLICES_SELECTOR,
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
      // Gone: what was applied is gone with it, and is not to be waited for.
      if (after === undefined) this.#applied.delete(key);
      if ([before, after].some((slice) => slice !== undefined && this.#isOurs(slice)))
        this.#reconciler.add(key);
    });
  }

  /** The EndpointSlices of all routers of the namespace, as the watch shows them. */
  get slices(): Pick<Cache<KubeObject>, "list" | "stalenessMilliseconds"> {
    return this.#slices;
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

  async #reconcile(key: string): Promise<ReconcileResult> {
    const wanted = this.#wanted.get(key);
    const live = this.#slices.get(key);
    if (wanted !== undefined && (live === undefined || !isApplied(wanted, live)))
      return { wakeAt: await this.#apply(key, wanted, live) };
    this.#applied.delete(key);
    if (wanted !== undefined) return {};
    if (live?.metadata.uid !== undefined && this.#isOurs(live)) {
      await this.#delete(live, live.metadata.uid);
    }
    return {};
  }

  /** Returns when to look again, in wall clock milliseconds. */
  async #apply(key: string, wanted: KubeObject, live: KubeObject | undefined): Promise<number> {
    const { port, clock } = this.#options;
    const over = live?.metadata.resourceVersion;
    const now = clock.monotonic();
    const pending = this.#applied.get(key);
    if (pending?.wanted === wanted && pending.over === over && now < pending.until)
      return clock.now() + pending.until - now;
    // Noted before the call: the watch may show the result, and its deletion, before the call returns.
    this.#applied.set(key, { wanted, over, until: now + WATCH_LAG_MILLISECONDS });
    try {
      await port.apply(wanted, { fieldManager: FIELD_MANAGER, force: true });
    } catch (error) {
      this.#applied.delete(key);
      throw error;
    }
    return clock.now() + WATCH_LAG_MILLISECONDS;
  }

  async #delete(slice: KubeObject, uid: string): Promise<void> {
    try {
      await remove(this.#options.port, referenceTo(slice), uid);
    } catch (error) {
      // Another object by now: that one is not ours to remove.
      if (!isConflict(error)) throw error;
    }
  }
}

function withoutManagedFields(object: KubeObject): KubeObject {
  const { managedFields: _managedFields, ...metadata } = object.metadata;
  return { ...object, metadata };
}
