/**
 * Posts objects of feedback to a collector, a batch at a time, until each is answered. All that is posted is idempotent,
 * so whatever got no answer is sent again, after a pause that grows.
 *
 * Only an answer with a word for each object counts: what a gateway or another server answers must not be taken for it.
 */
import { type EventResult, isEventResult } from "../../api/event-result.ts";
import { parseJson, valueAt } from "../../api/json.ts";
import { type Clock, sleep } from "../../core/clock.ts";
import { errorMessage } from "../../core/log.ts";
import { HttpClient } from "../../sources/http-client.ts";
import { parseRetryAfter } from "../../sources/http-semantics.ts";
import { SourceError } from "../../sources/model-source.ts";
import { postForText } from "../../sources/post-for-text.ts";
import { CommandError, EXIT } from "../exit-code.ts";

/** The answer to one object. */
export interface ObjectAnswer {
  readonly events: readonly EventResult[];
  readonly error: string | undefined;
}

/** How a collector is reached. */
export interface FeedbackClientOptions {
  /** Where it listens; `/feedback` is behind it. */
  readonly url: URL;
  /** Certificate authorities in PEM form that are trusted besides the well-known ones. */
  readonly authorities: readonly string[];
  /** Value of the header `Authorization`, for what stands in front of it. */
  readonly authorization: string | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Told of each attempt that got no answer. */
  readonly onRetry: (message: string) => void;
}

const ATTEMPTS = 6;
const FIRST_PAUSE_MILLISECONDS = 500;
const LONGEST_PAUSE_MILLISECONDS = 30_000;
const ATTEMPT_MILLISECONDS = 30_000;
const MAXIMUM_ANSWER_BYTES = 16 * 1_048_576;
/** It may do better later: it has too much to do, cannot store, or is not there. */
const LATER = [408, 429, 500, 502, 503, 504];

/** A connection to a collector. */
export class FeedbackClient {
  readonly #options: FeedbackClientOptions;
  readonly #client: HttpClient;
  readonly #target: URL;

  constructor(options: FeedbackClientOptions) {
    this.#options = options;
    this.#client = new HttpClient({ authorities: options.authorities });
    this.#target = new URL(options.url);
    this.#target.pathname = `${this.#target.pathname.replace(/\/+$/, "")}/feedback`;
  }

  /**
   * Posts objects, and gives an answer for each.
   *
   * @throws {CommandError} when the collector refuses them, or gives no answer however often it is asked; {SourceError}
   *   when it is no use to ask again.
   */
  async post(objects: readonly string[]): Promise<readonly ObjectAnswer[]> {
    const { clock, signal, onRetry } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#attempt(`${objects.join("\n")}\n`);
      signal.throwIfAborted();
      if ("text" in outcome) return answersOf(outcome.text, objects.length);
      if (attempt === ATTEMPTS) {
        throw new CommandError(EXIT.cluster, `the collector does not answer: ${outcome.trouble}`);
      }
      onRetry(outcome.trouble);
      const pause = Math.min(LONGEST_PAUSE_MILLISECONDS, FIRST_PAUSE_MILLISECONDS * 2 ** (attempt - 1));
      await sleep(
        clock,
        Math.max(pause, Math.min(LONGEST_PAUSE_MILLISECONDS, outcome.retryAfter ?? 0)),
        signal,
      );
    }
  }

  async #attempt(
    body: string,
  ): Promise<
    { readonly text: string } | { readonly trouble: string; readonly retryAfter?: number | undefined }
  > {
    const { authorization, clock, signal } = this.#options;
    try {
      const { statusCode, headers, text } = await postForText(this.#client, {
        url: this.#target,
        headers: {
          "content-type": "application/x-ndjson",
          ...(authorization === undefined ? {} : { authorization }),
        },
        body,
        timeoutMilliseconds: ATTEMPT_MILLISECONDS,
        maximumAnswerBytes: MAXIMUM_ANSWER_BYTES,
        clock,
        signal,
      });
      if (statusCode === 200) return { text };
      const said = `HTTP ${statusCode}: ${saidOf(text)}`;
      if (!LATER.includes(statusCode))
        throw new CommandError(EXIT.refused, `the collector refuses the file: ${said}`);
      return { trouble: said, retryAfter: parseRetryAfter(headers["retry-after"], headers.date) };
    } catch (error) {
      // A certificate that is not trusted, or an answer without an end, is no better the next time.
      if (!(error instanceof SourceError) || error.terminal) throw error;
      return { trouble: errorMessage(error) };
    }
  }
}

/** The answers in a body, one for each object. */
function answersOf(text: string, expected: number): readonly ObjectAnswer[] {
  const results = valueAt(parseJson(text), "results");
  const answers = Array.isArray(results) ? results.map(answerOf) : [];
  const known = answers.filter((answer) => answer !== undefined);
  if (known.length === expected && answers.length === expected) return known;
  throw new CommandError(
    EXIT.refused,
    `expected ${expected} answers of a collector, got ${saidOf(text)}; is the address that of a collector?`,
  );
}

function answerOf(result: unknown): ObjectAnswer | undefined {
  const events = valueAt(result, "events");
  const error = valueAt(result, "error");
  if (!Array.isArray(events) || !events.every(isEventResult)) return undefined;
  return { events, error: typeof error === "string" ? error : undefined };
}

function saidOf(text: string): string {
  const error = valueAt(parseJson(text), "error");
  return (typeof error === "string" ? error : text).slice(0, 200);
}
