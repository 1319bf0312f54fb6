/**
 * The manifest of a model that is a directory: what its digest is of, and what a detached signature signs.
 *
 * One line `HEX  PATH` for each file, ordered by the bytes of the path: the output of `sha256sum` for all files,
 * so that anybody can compute the digest of a directory without Petrel:
 *
 *     cd MODEL && find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum
 */
import { createHash } from "node:crypto";
import type { Digest } from "./digest.ts";

/** One file of a model. */
export interface ManifestEntry {
  /** Path below the model, checked. */
  readonly path: string;
  readonly digest: Digest;
}

/** The manifest as text. Paths hold no line break, by the check that every path passes. */
export function manifestText(entries: readonly ManifestEntry[]): string {
  return entries
    .toSorted((left, right) => Buffer.compare(Buffer.from(left.path), Buffer.from(right.path)))
    .map(({ path, digest }) => `${digest.slice("sha256:".length)}  ${path}\n`)
    .join("");
}

/** The digest of a directory. */
export function manifestDigest(entries: readonly ManifestEntry[]): Digest {
  return `sha256:${createHash("sha256").update(manifestText(entries)).digest("hex")}`;
}
