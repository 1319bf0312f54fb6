/**
 * Reads what came of mirrored requests from the collector of a namespace. What is not whole is no evidence: the error says
 * what was expected.
 */
import type { ShadowQuestion } from "../core/rollout/gates/shadow-evidence.ts";
import { parseShadowCounts, type ShadowCounts } from "../stats/shadow-counts.ts";
import { CollectorClient, type CollectorClientOptions } from "./collector-client.ts";

/** Reads once. Rejects when nothing came by which may be judged. */
export type AskShadow = (question: ShadowQuestion, signal: AbortSignal) => Promise<ShadowCounts>;

const BOUNDS = {
  /** Some four times what a day of minutes and all sums take. */
  answerBytes: 2 * 2 ** 20,
  asked: 8,
};

/** Asks collectors over HTTP. */
export function askShadowOverHttp(options: CollectorClientOptions): AskShadow {
  const client = new CollectorClient(options, BOUNDS);
  return async ({ namespace, deployment, epochs }, signal) => {
    const query = new URLSearchParams({ deployment, epochs: `${epochs.first}-${epochs.last}` });
    return parseShadowCounts(
      await client.ask(namespace, `shadow?${query}`, signal),
      deployment,
      "the collector",
    );
  };
}
