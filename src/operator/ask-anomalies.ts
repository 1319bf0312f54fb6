/**
 * Asks the collector of a namespace which of the series that it watches have an alarm, over HTTP.
 *
 * One small answer for all ModelDeployments of the namespace. Bounded in time, size and number; what is not whole is no
 * answer: the error says what was expected.
 */
import { parseWatchedAnswer, type WatchedDeployment } from "../anomaly/watched-answer.ts";
import type { KubePort } from "../kube/port.ts";
import { HttpClient, textOf } from "../sources/http-client.ts";
import { ANSWER_TIMEOUT_MILLISECONDS, GateAnswerError } from "./ask-gate.ts";
import { collectorAddress, collectorToken, within } from "./collector-access.ts";
import { Places } from "./places.ts";

/** The deployments that the collector of a namespace watches, by name. Rejects when no whole answer comes in time. */
export type AskAnomalies = (
  namespace: string,
  signal: AbortSignal,
) => Promise<ReadonlyMap<string, WatchedDeployment>>;

/** What it needs. */
export interface AskAnomaliesOptions {
  readonly port: Pick<KubePort, "get">;
  /** Where the collector of a namespace answers; by its Service unless given. */
  readonly addressOf?: (namespace: string) => string;
  /** Time for an answer, in milliseconds. */
  readonly answerMilliseconds?: number;
}

/** Some four times what 5,000 deployments without alarms take. */
const MAXIMUM_ANSWER_BYTES = 2 * 2 ** 20;
/**
 * At one time, of all namespaces: what is read lies in memory, and a namespace could put something else in its collector's
 * place. Enough that a hundred that hang let the others be asked often enough.
 */
const MAXIMUM_ASKED = 16;

/** Asks collectors over HTTP. */
export function askAnomaliesOverHttp({
  port,
  addressOf = collectorAddress,
  answerMilliseconds = ANSWER_TIMEOUT_MILLISECONDS,
}: AskAnomaliesOptions): AskAnomalies {
  const client = new HttpClient({ authorities: [] });
  const places = new Places(MAXIMUM_ASKED);
  return async (namespace, signal) => {
    const leave = await places.take(signal);
    const late = `the collector did not answer within ${answerMilliseconds} ms`;
    try {
      return await within(answerMilliseconds, late, signal, async (limited) => {
        const token = await collectorToken(port, namespace);
        limited.throwIfAborted();
        const response = await client.send({
          method: "GET",
          url: new URL("anomalies", addressOf(namespace)),
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
        return parseWatchedAnswer(text, "the collector");
      });
    } finally {
      leave();
    }
  };
}
