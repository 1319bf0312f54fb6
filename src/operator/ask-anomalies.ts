/**
 * Asks the collector of a namespace which of the series that it watches have an alarm: one small answer for all
 * ModelDeployments of the namespace. What is not whole is no answer: the error says what was expected.
 */
import { parseWatchedAnswer, type WatchedDeployment } from "../anomaly/watched-answer.ts";
import { CollectorClient, type CollectorClientOptions } from "./collector-client.ts";

/** The deployments that the collector of a namespace watches, by name. Rejects when no whole answer comes in time. */
export type AskAnomalies = (
  namespace: string,
  signal: AbortSignal,
) => Promise<ReadonlyMap<string, WatchedDeployment>>;

const BOUNDS = {
  /** Some four times what 5,000 deployments without alarms take. */
  answerBytes: 2 * 2 ** 20,
  /** Enough that a hundred that hang let the others be asked often enough. */
  asked: 16,
};

/** Asks collectors over HTTP. */
export function askAnomaliesOverHttp(options: CollectorClientOptions): AskAnomalies {
  const client = new CollectorClient(options, BOUNDS);
  return async (namespace, signal) =>
    parseWatchedAnswer(await client.ask(namespace, "anomalies", signal), "the collector");
}
