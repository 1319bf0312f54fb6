/**
 * One HTTP request for evidence, whose answer is taken only when it is 200.
 */
import type { Clock } from "../../core/clock.ts";
import type { HttpClient } from "../http-client.ts";
import { SourceError } from "../model-source.ts";
import { displayUrl } from "../model-uri.ts";
import { postForText } from "../post-for-text.ts";

/** How a server of evidence is reached. */
export interface EvidenceAccess {
  readonly url: URL;
  /** Keeps connections for the next question. */
  readonly client: HttpClient;
  /** Value of the header `Authorization`. */
  readonly authorization: string | undefined;
  readonly timeoutMilliseconds: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Largest answer. 256 epochs of both arms are below it. */
const MAXIMUM_ANSWER_BYTES = 16 * 1_048_576;
/** What is said of an answer that is refused. */
const MAXIMUM_SAID_LENGTH = 200;

/**
 * Posts a body and gives that of the answer.
 *
 * @throws {SourceError} when there is no answer in time, or another one than 200; holds no secret.
 */
export async function postForEvidence(
  { client, authorization, ...access }: EvidenceAccess,
  contentType: string,
  body: string,
): Promise<string> {
  const { statusCode, text } = await postForText(client, {
    ...access,
    headers: {
      accept: "application/json",
      "content-type": contentType,
      ...(authorization === undefined ? {} : { authorization }),
    },
    body,
    maximumAnswerBytes: MAXIMUM_ANSWER_BYTES,
  });
  if (statusCode === 200) return text;
  const found = `HTTP ${statusCode}: ${text.slice(0, MAXIMUM_SAID_LENGTH)}`;
  throw new SourceError({
    message: `${displayUrl(access.url)} gives no evidence: ${found}`,
    expected: "HTTP 200",
    found,
    terminal: false,
  });
}
