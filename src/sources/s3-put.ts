/**
 * Writes objects to an S3 store, each once and as a whole: an object that is there already is left as it is, and a
 * connection that breaks leaves none.
 */
import type { Clock } from "../core/clock.ts";
import { textOf } from "./http-client.ts";
import { SourceError } from "./model-source.ts";
import { refusal, type S3Requests } from "./s3-requests.ts";

/** An object that is to be written. */
export interface NewObject {
  readonly bucket: string;
  readonly key: string;
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

/** What became of it. */
export type PutOutcome = "Written" | "ThereAlready";

const MAX_ANSWER_BYTES = 64 << 10;

/**
 * Writes an object unless there is one of its key (`If-None-Match`; a store that does not know the condition replaces
 * it, so a key must never stand for other bytes).
 *
 * @throws {SourceError} when the store refuses it, or has not answered in time.
 */
export async function putObject(
  requests: S3Requests,
  { bucket, key, contentType, bytes }: NewObject,
  timeoutMilliseconds: number,
  clock: Pick<Clock, "schedule">,
  signal: AbortSignal,
): Promise<PutOutcome> {
  const shown = `s3://${bucket}/${key}`;
  const late = new AbortController();
  const cancel = clock.schedule(timeoutMilliseconds, () => late.abort());
  try {
    const response = await requests.put(
      requests.urlOf(bucket, key),
      { "content-type": contentType, "if-none-match": "*" },
      bytes,
      AbortSignal.any([signal, late.signal]),
    );
    const { statusCode: status = 0 } = response;
    if (status !== 200 && status !== 412) throw await refusal("PUT", response, shown);
    await textOf(response, shown, MAX_ANSWER_BYTES);
    return status === 200 ? "Written" : "ThereAlready";
  } catch (error) {
    if (!late.signal.aborted) throw error;
    const expected = `an answer within ${timeoutMilliseconds / 1_000} s`;
    const message = `PUT ${shown}: expected ${expected}`;
    throw new SourceError({ message, expected, found: "none", terminal: false, cause: error });
  } finally {
    cancel();
  }
}
