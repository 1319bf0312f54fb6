/**
 * The client of the collector: hands over batches, and says of routers that they ended.
 */
import { asList, asString, parseJson, valueAt } from "../api/json.ts";
import { systemClock } from "../core/clock.ts";
import { readBoundedFile } from "../process/watched-files.ts";
import { HttpClient } from "../sources/http-client.ts";
import { postForText } from "../sources/post-for-text.ts";

/** What the collector made of a batch. */
export type BatchAnswer =
  /** It is stored. `silent` are incarnations of routers that say nothing and are not known to have ended. */
  | { readonly type: "Acknowledged"; readonly silent: readonly string[] }
  /** It will never be taken. */
  | { readonly type: "Refused"; readonly problem: string };

/** What a router asks of the collector. Each rejects when there is no answer, or none that will last. */
export interface CollectorClient {
  sendBatch(body: string): Promise<BatchAnswer>;
  /** Says that an incarnation ended; resolves also where the collector does not know it. */
  sendEnd(incarnation: string, endedAt: number): Promise<void>;
}

const TIMEOUT_MILLISECONDS = 10_000;
const MAXIMUM_ANSWER_BYTES = 2 ** 20;
/** What is wrong with the batch itself. Anything else may pass. */
const REFUSALS: readonly number[] = [400, 413, 415, 421, 422];

/** A collector at an address; the file holds what opens it, one a line, the newest first. */
export function collectorClient(url: string, accessTokenFile: string): CollectorClient {
  const client = new HttpClient({ authorities: [] });
  const post = async (path: string, body: string) => {
    const [accessToken = ""] = readBoundedFile(accessTokenFile).split("\n");
    const { statusCode, text } = await postForText(client, {
      url: new URL(path, url),
      headers: {
        authorization: `Bearer ${accessToken.trim()}`,
        "content-type": "application/x-ndjson",
        "content-length": String(Buffer.byteLength(body)),
      },
      body,
      timeoutMilliseconds: TIMEOUT_MILLISECONDS,
      maximumAnswerBytes: MAXIMUM_ANSWER_BYTES,
      clock: systemClock,
      // What is under way may end by itself: it is bounded in time.
      signal: new AbortController().signal,
    });
    return { status: statusCode, answer: text };
  };
  return {
    async sendBatch(body) {
      const { status, answer: text } = await post("/impressions", body);
      const answer = parseJson(text);
      if (status === 200) {
        const silent = asList(valueAt(answer, "silent")).flatMap((name) => asString(name) ?? []);
        return { type: "Acknowledged", silent };
      }
      const problem = `status ${status}: ${asString(valueAt(answer, "error")) ?? "no reason is given"}`;
      if (REFUSALS.includes(status)) return { type: "Refused", problem };
      throw new Error(`the collector does not take a batch: ${problem}`);
    },
    async sendEnd(incarnation, endedAt) {
      const { status } = await post("/impressions/ended", JSON.stringify({ incarnation, endedAt }));
      if (status !== 200 && status !== 404)
        throw new Error(`the collector does not take the end of a router: status ${status}`);
    },
  };
}
