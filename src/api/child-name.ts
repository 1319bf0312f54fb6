/**
 * Names of children: made from the parent's name and what the child is, never cut into collisions.
 */
import { contentHash } from "./content-hash.ts";

/**
 * Longest name of a child. A Deployment's ReplicaSets add eleven characters to it and must still fit into a
 * label value of 63.
 */
const MAX_CHILD_NAME_LENGTH = 52;

/**
 * Joins parts with `-`. A name that would be too long keeps its beginning and gets a hash of all parts. Parts that
 * hold `-` themselves can be joined to the same name, so a caller with such parts adds a hash of them all.
 */
export function childName(...parts: readonly string[]): string {
  const name = parts.join("-");
  if (name.length <= MAX_CHILD_NAME_LENGTH) return name;
  const hash = contentHash(parts);
  const beginning = name.slice(0, MAX_CHILD_NAME_LENGTH - hash.length - 1).replace(/-+$/, "");
  return `${beginning}-${hash}`;
}
