/**
 * A detached signature over a model's bytes, as `openssl dgst -sha256 -sign` (binary) and
 * `cosign sign-blob --output-signature` (base64) make them: over the file, the archive, or a directory's manifest.
 */
import { createVerify, type KeyObject } from "node:crypto";
import { FetchFailure } from "./failure.ts";
import { hashOfCurve } from "./public-keys.ts";

/** Longest signature file. */
export const MAX_SIGNATURE_BYTES = 16 << 10;

/** Gives the signed bytes, from the start each time it is called. */
export type SignedBytes = () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/**
 * Verifies a signature with the first of the keys that made it.
 *
 * @param what what is signed, for the message.
 * @throws FetchFailure (`Signature`) when none did.
 */
export async function verifyDetachedSignature(
  signature: Uint8Array,
  keys: readonly KeyObject[],
  signed: SignedBytes,
  what: string,
): Promise<void> {
  const bytes = decodedSignature(Buffer.from(signature));
  const attempts = keys.flatMap((key) =>
    [...new Set(["sha256", hashOfCurve(key)])].map((hash) => ({ key, verify: createVerify(hash) })),
  );
  for await (const chunk of signed()) for (const { verify } of attempts) verify.update(chunk);
  if (attempts.some(({ key, verify }) => verify.verify(key, bytes))) return;
  const expected = keys.length === 1 ? "one of the public key" : `one of the ${keys.length} public keys`;
  const found = `a signature of ${bytes.length} bytes by another key or over other bytes`;
  const message = `the signature of ${what} does not verify: expected ${expected}, found ${found}`;
  throw new FetchFailure({ check: "Signature", message, expected, found, terminal: true });
}

/** Base64 as cosign writes it, or the bytes themselves: no signature is by chance all base64. */
function decodedSignature(bytes: Buffer): Buffer {
  const text = bytes.toString("latin1");
  return /^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(text) ? Buffer.from(text, "base64") : bytes;
}
