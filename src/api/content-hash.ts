/**
 * A short hash of a JSON value, for names that follow from content.
 */
import { createHash } from "node:crypto";

/** JSON with sorted keys and without absent fields: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(withSortedKeys(value));
}

function withSortedKeys(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(withSortedKeys);
  const fields = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(fields.map(([name, field]) => [name, withSortedKeys(field)]));
}

/** Consonants and digits only, so that no name spells a word. */
const ALPHABET = "bcdfghjklmnpqrstvwxz0123456789";

/** A whole number from 0 to `bound` - 1 that follows from the value. `bound` is at most 2^32. */
export function contentNumber(value: unknown, bound: number): number {
  return createHash("sha256").update(canonicalJson(value)).digest().readUInt32BE() % bound;
}

/** Ten characters (49 bits). */
export function contentHash(value: unknown): string {
  const digest = createHash("sha256").update(canonicalJson(value)).digest();
  return Array.from(digest.subarray(0, 10), (byte) => ALPHABET[byte % ALPHABET.length]).join("");
}
