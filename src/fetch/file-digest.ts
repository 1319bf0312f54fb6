/**
 * The digest of a file on disk, read once from its beginning to its end.
 */
import { createReadStream } from "node:fs";
import { type Digest, finishDigest, startDigest } from "./digest.ts";

/** Large pieces: few system calls, and still prompt when the signal is aborted. */
const CHUNK_BYTES = 1 << 20;

/** Digest and size of a file. Rejects with the file system's error, or when the signal is aborted. */
export async function digestOfFile(
  path: string,
  signal?: AbortSignal,
): Promise<{ readonly digest: Digest; readonly sizeBytes: number }> {
  const hash = startDigest();
  let sizeBytes = 0;
  const options = { highWaterMark: CHUNK_BYTES, ...(signal === undefined ? {} : { signal }) };
  for await (const chunk of createReadStream(path, options)) {
    hash.update(chunk);
    sizeBytes += chunk.length;
  }
  return { digest: finishDigest(hash), sizeBytes };
}
