/**
 * Reads what came of mirrored requests from the collector of a namespace, over HTTP.
 *
 * One answer of a bounded size. Bounded in time and number; what is not whole is no evidence: the error says what was
 * expected.
 */
import type { ShadowQuestion } from "../core/rollout/gates/shadow-evidence.ts";
import type { KubePort } from "../kube/port.ts";
import { HttpClient, textOf } from "../sources/http-client.ts";
import { parseShadowCounts, type ShadowCounts } from "../stats/shadow-counts.ts";
import { ANSWER_TIMEOUT_MILLISECONDS, GateAnswerError } from "./ask-gate.ts";
import { collectorAddress, collectorToken, within } from "./collector-access.ts";
import { Places } from "./places.ts";

/** Reads once. Rejects when nothing came by which may be judged. */
export type AskShadow = (question: ShadowQuestion, signal: AbortSignal) => Promise<ShadowCounts>;

/** What it needs. */
export interface AskShadowOptions {
  readonly port: Pick<KubePort, "get">;
  /** Where the collector of a namespace answers; by its Service unless given. */
  readonly addressOf?: (namespace: string) => string;
  /** Time for an answer, in milliseconds. */
  readonly answerMilliseconds?: number;
}

/** Some four times what a day of minutes and all sums take. */
const MAXIMUM_ANSWER_BYTES = 2 * 2 ** 20;
/** At one time, of all namespaces: what is read lies in memory. */
const MAXIMUM_ASKED = 8;

/** Asks collectors over HTTP. */
export function askShadowOverHttp({
  port,
  addressOf = collectorAddress,
  answerMilliseconds = ANSWER_TIMEOUT_MILLISECONDS,
}: AskShadowOptions): AskShadow {
  const client = new HttpClient({ authorities: [] });
  const places = new Places(MAXIMUM_ASKED);
  return async ({ namespace, deployment, epochs }, signal) => {
    const leave = await places.take(signal);
    const late = `the collector did not answer within ${answerMilliseconds} ms`;
    try {
      return await within(answerMilliseconds, late, signal, async (limited) => {
        const token = await collectorToken(port, namespace);
        limited.throwIfAborted();
        const url = new URL("shadow", addressOf(namespace));
        url.searchParams.set("deployment", deployment);
        url.searchParams.set("epochs", `${epochs.first}-${epochs.last}`);
        const response = await client.send({
          method: "GET",
          url,
          headers: { authorization: `Bearer ${token}`, accept: "application/json" },
          signal: limited,
        });
        if (response.statusCode !== 200) {
          response.destroy();
          throw new GateAnswerError(
            `the collector answered with status ${response.statusCode}, expected 200`,
          );
        }
        const text = await textOf(response, "the collector", MAXIMUM_ANSWER_BYTES);
        return parseShadowCounts(text, deployment, "the collector");
      });
    } finally {
      leave();
    }
  };
}
