/**
 * Content digests in the form of the OCI image specification, `sha256:HEX`: what names a model's bytes.
 * SHA-256 alone: an unknown algorithm is refused, so nothing weaker can be asked for.
 */
import { createHash, type Hash } from "node:crypto";

/** `sha256:` and 64 lower-case hexadecimal digits. */
export type Digest = `sha256:${string}`;

const SHA256_DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Whether a text is a digest, exactly as the OCI image specification writes it. */
export function isDigest(text: string): text is Digest {
  return SHA256_DIGEST.test(text);
}

/** Starts a digest over a stream of bytes. */
export function startDigest(): Hash {
  return createHash("sha256");
}

/** Ends a digest; the hash cannot be used afterwards. */
export function finishDigest(hash: Hash): Digest {
  return `sha256:${hash.digest("hex")}`;
}
