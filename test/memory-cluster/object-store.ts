/**
 * The storage under the in-memory API server, as etcd is under the real one: objects by type and key, one
 * sequence of versions over all of them, and a history that watches go on from and that can be compacted.
 */

import type { KubeObject, ResourceType } from "../../src/api/kube-object.ts";
import { apiVersionOf } from "../../src/api/kube-object.ts";
import { keyOf } from "../../src/kube/object-key.ts";
import { KubeError } from "../../src/kube/port.ts";

/** One write. */
export interface StoredChange {
  readonly version: number;
  readonly type: string;
  readonly key: string;
  /** Absent when the write made the object. */
  readonly before: KubeObject | undefined;
  /** Absent when the write deleted the object; `before` then has its last form. */
  readonly after: KubeObject | undefined;
}

/** Changes that are kept without compaction; etcd keeps five minutes of them. */
const MAXIMUM_HISTORY = 2_000;

/** All objects. Objects in store are frozen: a reader who changes one is caught. */
export class ObjectStore {
  readonly #types = new Map<string, Map<string, KubeObject>>();
  readonly #listeners = new Set<(change: StoredChange) => void>();
  #history: StoredChange[] = [];
  #version = 1;
  #compactedVersion = 0;

  /** Version of the last write. */
  get version(): number {
    return this.#version;
  }

  /** The object of a type and key. */
  get(type: string, key: string): KubeObject | undefined {
    return this.#types.get(type)?.get(key);
  }

  /**
   * Objects of a type as they were after the write of `version`, by key. Throws 410 when that is compacted.
   */
  objectsAt(type: string, version: number): readonly KubeObject[] {
    const objects = new Map(this.#types.get(type));
    for (const change of this.changesAfter(version).toReversed()) {
      if (change.type !== type) continue;
      if (change.before === undefined) objects.delete(change.key);
      else objects.set(change.key, change.before);
    }
    return [...objects.entries()]
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([, object]) => object);
  }

  /** Every object of every type, by type and key. */
  all(): readonly KubeObject[] {
    return [...this.#types.keys()].sort().flatMap((type) => this.objectsAt(type, this.#version));
  }

  /** Writes after a version, oldest first. Throws 410 when some of them are compacted. */
  changesAfter(version: number): readonly StoredChange[] {
    if (version < this.#compactedVersion) {
      throw new KubeError(410, "Expired", `too old resource version: ${version} (${this.#compactedVersion})`);
    }
    return version === this.#version ? [] : this.#history.filter((change) => change.version > version);
  }

  /** Stores an object under a new version, which becomes its resourceVersion. */
  put(type: string, object: KubeObject): KubeObject {
    this.#version += 1;
    const metadata = { ...object.metadata, resourceVersion: String(this.#version) };
    const after = deepFreeze({ ...object, metadata });
    const key = keyOf(metadata);
    const objects = this.#types.get(type) ?? new Map<string, KubeObject>();
    const before = objects.get(key);
    objects.set(key, after);
    this.#types.set(type, objects);
    this.#record({ version: this.#version, type, key, before, after });
    return after;
  }

  /** Removes an object. Its last form gets the version of its deletion, as in the API server's watch. */
  remove(type: string, key: string): void {
    const stored = this.get(type, key);
    if (stored === undefined) return;
    this.#version += 1;
    const metadata = { ...stored.metadata, resourceVersion: String(this.#version) };
    const before = deepFreeze({ ...stored, metadata });
    this.#types.get(type)?.delete(key);
    this.#record({ version: this.#version, type, key, before, after: undefined });
  }

  /** Forgets the history up to now: whoever goes on from an older version gets a 410. */
  compact(): void {
    this.#history = [];
    this.#compactedVersion = this.#version;
  }

  /** Calls the listener after each write. Returns a function that ends that. */
  subscribe(listener: (change: StoredChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #record(change: StoredChange): void {
    this.#history.push(change);
    if (this.#history.length > 2 * MAXIMUM_HISTORY) {
      this.#history = this.#history.slice(-MAXIMUM_HISTORY);
      this.#compactedVersion = (this.#history[0]?.version ?? this.#version) - 1;
    }
    for (const listener of [...this.#listeners]) listener(change);
  }
}

/** Name of a resource type in the store. */
export function typeName(resource: ResourceType): string {
  return `${apiVersionOf(resource)}/${resource.kind}`;
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}
