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
/** What stores say to a request with a condition that they do not have. */
const NOT_IMPLEMENTED = 501;

/** Writes objects to one store. */
export class ObjectWriter {
  readonly #requests: S3Requests;
  readonly #timeoutMilliseconds: number;
  readonly #clock: Pick<Clock, "schedule">;
  #isConditional = true;

  constructor(requests: S3Requests, timeoutMilliseconds: number, clock: Pick<Clock, "schedule">) {
    this.#requests = requests;
    this.#timeoutMilliseconds = timeoutMilliseconds;
    this.#clock = clock;
  }

  /**
   * Writes an object unless there is one of its key (`If-None-Match`). A store that does not have the condition (501), or
   * passes it over, replaces it, so a key must never stand for other bytes.
   *
   * @throws {SourceError} when the store refuses it, or has not answered in time.
   */
  async put(object: NewObject, signal: AbortSignal): Promise<PutOutcome> {
    const outcome = await this.#put(object, signal);
    if (outcome !== "ConditionUnknown") return outcome;
    this.#isConditional = false;
    return await this.put(object, signal);
  }

  async #put(
    { bucket, key, contentType, bytes }: NewObject,
    signal: AbortSignal,
  ): Promise<PutOutcome | "ConditionUnknown"> {
    const shown = `s3://${bucket}/${key}`;
    const late = new AbortController();
    const cancel = this.#clock.schedule(this.#timeoutMilliseconds, () => late.abort());
    try {
      const response = await this.#requests.put(
        this.#requests.urlOf(bucket, key),
        { "content-type": contentType, ...(this.#isConditional ? { "if-none-match": "*" } : {}) },
        bytes,
        AbortSignal.any([signal, late.signal]),
      );
      const { statusCode: status = 0 } = response;
      const isUnknown = this.#isConditional && status === NOT_IMPLEMENTED;
      if (status !== 200 && status !== 412 && !isUnknown) throw await refusal("PUT", response, shown);
      await textOf(response, shown, MAX_ANSWER_BYTES);
      if (isUnknown) return "ConditionUnknown";
      return status === 200 ? "Written" : "ThereAlready";
    } catch (error) {
      if (!late.signal.aborted) throw error;
      const expected = `an answer within ${this.#timeoutMilliseconds / 1_000} s`;
      const message = `PUT ${shown}: expected ${expected}`;
      throw new SourceError({ message, expected, found: "none", terminal: false, cause: error });
    } finally {
      cancel();
    }
  }
}
