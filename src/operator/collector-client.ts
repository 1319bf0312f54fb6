/**
 * Has the collector of a namespace answer a question in one piece, over HTTP.
 *
 * What opens it is read for each question, and kept nowhere. Every answer is bounded in size and time, and so is how many are
 * asked at once: what is read lies in memory, and a namespace could put something else in its collector's place.
 */
import type { KubePort } from "../kube/port.ts";
import { HttpClient, textOf } from "../sources/http-client.ts";
import { ANSWER_TIMEOUT_MILLISECONDS, GateAnswerError } from "./ask-gate.ts";
import { collectorAddress, collectorToken, within } from "./collector-access.ts";
import { Places } from "./places.ts";

/** What it needs. */
export interface CollectorClientOptions {
  readonly port: Pick<KubePort, "get">;
  /** Where the collector of a namespace answers; by its Service unless given. */
  readonly addressOf?: (namespace: string) => string;
  /** Time for an answer, in milliseconds. */
  readonly answerMilliseconds?: number;
}

/** How much at most. */
export interface CollectorClientBounds {
  readonly answerBytes: number;
  /** Answers at one time, of all namespaces. */
  readonly asked: number;
}

/** The body of an answer with status 200. Rejects with {@link GateAnswerError} for any other, and for one that is too long. */
export async function collectorBody(
  client: HttpClient,
  { url, token, maximumBytes }: { readonly url: URL; readonly token: string; readonly maximumBytes: number },
  signal: AbortSignal,
): Promise<string> {
  const headers = { authorization: `Bearer ${token}`, accept: "application/json" };
  const response = await client.send({ method: "GET", url, headers, signal });
  if (response.statusCode === 200) return textOf(response, "the collector", maximumBytes);
  response.destroy();
  throw new GateAnswerError(`the collector answered with status ${response.statusCode}, expected 200`);
}

/** Asks the collectors of all namespaces. */
export class CollectorClient {
  readonly #options: Required<CollectorClientOptions>;
  readonly #answerBytes: number;
  readonly #client = new HttpClient({ authorities: [] });
  readonly #places: Places;

  constructor(options: CollectorClientOptions, { answerBytes, asked }: CollectorClientBounds) {
    this.#options = {
      addressOf: collectorAddress,
      answerMilliseconds: ANSWER_TIMEOUT_MILLISECONDS,
      ...options,
    };
    this.#answerBytes = answerBytes;
    this.#places = new Places(asked);
  }

  /**
   * The body of the answer to a page. Rejects when none comes in time, or another status, or too much.
   *
   * @param page with its query, such as `shadow?deployment=ranker`.
   */
  async ask(namespace: string, page: string, signal: AbortSignal): Promise<string> {
    const { port, addressOf, answerMilliseconds } = this.#options;
    const leave = await this.#places.take(signal);
    const late = `the collector did not answer within ${answerMilliseconds} ms`;
    try {
      return await within(answerMilliseconds, late, signal, async (limited) => {
        const token = await collectorToken(port, namespace);
        limited.throwIfAborted();
        const url = new URL(page, addressOf(namespace));
        return await collectorBody(this.#client, { url, token, maximumBytes: this.#answerBytes }, limited);
      });
    } finally {
      leave();
    }
  }
}
