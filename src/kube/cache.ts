/**
 * What Petrel knows of the objects of one type: a projection of each, fed by a {@link Reflector}, with
 * indexes.
 *
 * It holds only what `project` keeps of an object, so that memory follows what is used and not what people
 * put into their objects. It may lag behind the API server: whoever must not act on old knowledge fences the
 * write by resourceVersion or asks how fresh the cache is. It must never be written to by anybody but its
 * reflector.
 */

import type { KubeObject, ResourceType } from "../api/kube-object.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import type { Random } from "./backoff.ts";
import { keyOf } from "./object-key.ts";
import type { KubePort, Scope } from "./port.ts";
import { Reflector } from "./reflector.ts";

/** Values under which an object is found; none leaves it out of the index. */
export type IndexFunction<Value> = (value: Value) => readonly string[];

/** One object came, changed or went. Both are absent never. */
export interface CacheChange<Value> {
  readonly key: string;
  /** What was known before; absent for a new object. */
  readonly before: Value | undefined;
  /** What is known now; absent for a deleted object. */
  readonly after: Value | undefined;
}

/** What a cache needs. */
export interface CacheOptions<Value, IndexName extends string> {
  readonly port: KubePort;
  readonly resource: ResourceType;
  readonly scope?: Scope;
  /** The only namespaces that are looked at, each by a watch of its own; when absent, what `scope` covers. */
  readonly namespaces?: readonly string[];
  /** What is kept of an object. Must not throw; where it does, the object keeps its former value. */
  readonly project: (object: KubeObject) => Value;
  readonly indexes?: Readonly<Record<IndexName, IndexFunction<Value>>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

interface Entry<Value> {
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly value: Value;
}

/** Read access to the objects of one type. */
export class Cache<Value, IndexName extends string = never> {
  /** Resolves once every object that exists has been seen. Never rejects. */
  readonly synced: Promise<void>;
  readonly #options: CacheOptions<Value, IndexName>;
  readonly #reflectors: readonly Reflector[];
  readonly #entries = new Map<string, Entry<Value>>();
  readonly #indexes = new Map<string, Index<Value>>();
  readonly #listeners = new Set<(change: CacheChange<Value>) => void>();

  constructor(options: CacheOptions<Value, IndexName>) {
    const { port, resource, scope, namespaces, clock, random, log } = options;
    this.#options = options;
    for (const [name, indexFunction] of Object.entries<IndexFunction<Value>>(options.indexes ?? {})) {
      this.#indexes.set(name, new Index(indexFunction));
    }
    const follow = (within: Scope) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const handler = {
        upsert: (object: KubeObject) => this.#upsert(object),
        delete: (key: string) => this.#change(key, undefined),
        synced: resolve,
      };
      const reflector = new Reflector({ port, resource, clock, random, log, handler, scope: within });
      return { reflector, synced: promise };
    };
    // Keys hold the namespace, so several reflectors fill one map without ever meeting.
    const scopes = namespaces?.map((namespace) => ({ ...scope, namespace })) ?? [{ ...scope }];
    const followed = scopes.map(follow);
    this.#reflectors = followed.map(({ reflector }) => reflector);
    this.synced = Promise.all(followed.map(({ synced }) => synced)).then(() => {});
  }

  /** Keeps the cache up to date until the signal is aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#reflectors.map((reflector) => reflector.run(signal)));
  }

  /** The object of a key (`NAMESPACE/NAME`). */
  get(key: string): Value | undefined {
    return this.#entries.get(key)?.value;
  }

  /** Number of objects. */
  get size(): number {
    return this.#entries.size;
  }

  /** All objects, in the order in which they were first seen. */
  list(): readonly Value[] {
    return Array.from(this.#entries.values(), ({ value }) => value);
  }

  /** Objects that an index holds under a value. */
  byIndex(index: IndexName, value: string): readonly Value[] {
    const found = this.#indexes.get(index);
    if (found === undefined)
      throw new Error(`the cache of ${this.#options.resource.plural} has no index ${index}`);
    return found.get(value);
  }

  /** Calls the listener at each change, after it is in the cache. Returns a function that ends that. */
  subscribe(listener: (change: CacheChange<Value>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * How old the knowledge may be, in milliseconds: the time since the most silent watch gave a sign of life.
   * Infinite while one does not run. The API server sends one at least about every minute.
   */
  stalenessMilliseconds(): number {
    const now = this.#options.clock.monotonic();
    const ages = this.#reflectors.map((reflector) => now - (reflector.heardAt() ?? Number.NEGATIVE_INFINITY));
    return Math.max(...ages);
  }

  #upsert(object: KubeObject): void {
    const { uid, resourceVersion } = object.metadata;
    const key = keyOf(object.metadata);
    const before = this.#entries.get(key);
    // A new list repeats what is known: equal versions of one object are no change.
    const isKnown = before !== undefined && resourceVersion !== undefined;
    if (isKnown && before.uid === uid && before.resourceVersion === resourceVersion) return;
    this.#change(key, { uid, resourceVersion, value: this.#options.project(object) });
  }

  #change(key: string, entry: Entry<Value> | undefined): void {
    const before = this.#entries.get(key)?.value;
    const after = entry?.value;
    if (entry === undefined) this.#entries.delete(key);
    else this.#entries.set(key, entry);
    for (const index of this.#indexes.values()) index.change(key, before, after);
    for (const listener of this.#listeners) {
      try {
        listener({ key, before, after });
      } catch (error) {
        const { log, resource } = this.#options;
        log.error("a listener of a cache failed", { "petrel.resource": resource.plural, error });
      }
    }
  }
}

/** Invariant: a key stands under a value exactly when the index function gives that value for its object. */
class Index<Value> {
  readonly #valuesOf: IndexFunction<Value>;
  readonly #buckets = new Map<string, Map<string, Value>>();

  constructor(valuesOf: IndexFunction<Value>) {
    this.#valuesOf = valuesOf;
  }

  get(value: string): readonly Value[] {
    return [...(this.#buckets.get(value)?.values() ?? [])];
  }

  change(key: string, before: Value | undefined, after: Value | undefined): void {
    const values = after === undefined ? [] : this.#valuesOf(after);
    if (before !== undefined) {
      for (const value of this.#valuesOf(before)) {
        if (!values.includes(value)) this.#remove(value, key);
      }
    }
    if (after === undefined) return;
    for (const value of values) {
      const bucket = this.#buckets.get(value) ?? new Map<string, Value>();
      bucket.set(key, after);
      this.#buckets.set(value, bucket);
    }
  }

  #remove(value: string, key: string): void {
    const bucket = this.#buckets.get(value);
    bucket?.delete(key);
    if (bucket?.size === 0) this.#buckets.delete(value);
  }
}
