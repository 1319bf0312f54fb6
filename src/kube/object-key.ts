/**
 * How Petrel names an object within its type: `NAMESPACE/NAME`, or `NAME` for cluster-scoped ones. Caches,
 * queues and reflectors speak of objects by this key alone.
 */
import type { KubeObject, ObjectReference } from "../api/kube-object.ts";
import { resourceOf } from "../api/kube-resources.ts";

/** Name and namespace of an object. */
export interface NamespacedName {
  readonly name: string;
  readonly namespace?: string;
}

/** Key of an object within its type. */
export function keyOf({ name, namespace }: NamespacedName): string {
  return namespace === undefined || namespace === "" ? name : `${namespace}/${name}`;
}

/** Undoes {@link keyOf}. Throws on what is not a key. */
export function parseKey(key: string): NamespacedName {
  const parts = key.split("/");
  const [first = "", second] = parts;
  if (parts.length > 2 || parts.includes("")) {
    throw new Error(`expected NAMESPACE/NAME or NAME, got ${JSON.stringify(key)}`);
  }
  return second === undefined ? { name: first } : { namespace: first, name: second };
}

/** Names an object of a type that Petrel knows. Throws on any other type. */
export function referenceTo(object: KubeObject): ObjectReference {
  const { name, namespace } = object.metadata;
  return { resource: resourceOf(object), name, ...(namespace === undefined ? {} : { namespace }) };
}
