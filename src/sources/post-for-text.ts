/**
 * One POST whose answer is a short text: bounded in time and size, never redirected. Whether the answer is a good one is
 * for the caller to say.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { Clock } from "../core/clock.ts";
import { type HttpClient, textOf } from "./http-client.ts";
import { SourceError } from "./model-source.ts";
import { displayUrl } from "./model-uri.ts";

/** What is posted. */
export interface TextPost {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** For the answer with all of its body. */
  readonly timeoutMilliseconds: number;
  readonly maximumAnswerBytes: number;
  readonly clock: Pick<Clock, "schedule">;
  readonly signal: AbortSignal;
}

/** What came back. */
export interface TextAnswer {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/**
 * Posts, and reads the answer.
 *
 * @throws {SourceError} when there is none in time, or too long a one; holds no secret.
 */
export async function postForText(client: HttpClient, post: TextPost): Promise<TextAnswer> {
  const { url, headers, body, timeoutMilliseconds, maximumAnswerBytes, clock } = post;
  const shown = displayUrl(url);
  const late = new AbortController();
  const cancel = clock.schedule(timeoutMilliseconds, () => late.abort());
  try {
    const signal = AbortSignal.any([post.signal, late.signal]);
    const response = await client.send({ method: "POST", url, headers, body, signal });
    const text = await textOf(response, shown, maximumAnswerBytes);
    return { statusCode: response.statusCode ?? 0, headers: response.headers, text };
  } catch (error) {
    if (!late.signal.aborted) throw error;
    const expected = `an answer within ${timeoutMilliseconds / 1_000} s`;
    throw new SourceError({
      message: `${shown}: expected ${expected}`,
      expected,
      found: "none",
      terminal: false,
      cause: error,
    });
  } finally {
    cancel();
  }
}
