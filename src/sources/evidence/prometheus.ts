/**
 * Evidence from a Prometheus, or whatever speaks its HTTP API, by queries that a team declares. All of them are asked for
 * one and the same time, so that they tell of the same samples. No gate asks one yet.
 */
import type { EvidenceQuestion, OutsideEvidence } from "../../stats/outside-evidence.ts";
import {
  type PrometheusQueries,
  parsePrometheusAnswers,
  queriesFor,
} from "../../stats/prometheus-evidence.ts";
import { displayUrl } from "../model-uri.ts";
import { type EvidenceAccess, postForEvidence } from "./evidence-access.ts";

/**
 * Asks all queries once. The address is that of the server; `/api/v1/query` is behind it.
 *
 * @throws {SourceError} when there is no answer; {EvidenceError} when the answers are not whole and fresh.
 */
export async function prometheusEvidence(
  access: EvidenceAccess,
  queries: PrometheusQueries,
  question: EvidenceQuestion,
  staleAfterMilliseconds: number,
): Promise<OutsideEvidence> {
  const url = new URL(access.url);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/api/v1/query`;
  const atMilliseconds = access.clock.now();
  const ask = (query: string) => {
    const form = new URLSearchParams({
      query,
      time: String(atMilliseconds / 1_000),
      timeout: `${access.timeoutMilliseconds}ms`,
    });
    return postForEvidence({ ...access, url }, "application/x-www-form-urlencoded", form.toString());
  };
  const filled = queriesFor(queries, question);
  const [answers, sums, maturedAnswers, maturedSums, ageSeconds] = await Promise.all([
    ask(filled.answers),
    ask(filled.sums),
    ask(filled.maturedAnswers),
    ask(filled.maturedSums),
    ask(filled.ageSeconds),
  ]);
  return parsePrometheusAnswers(
    { answers, sums, maturedAnswers, maturedSums, ageSeconds },
    question,
    atMilliseconds,
    { nowMilliseconds: access.clock.now(), staleAfterMilliseconds },
    displayUrl(access.url),
  );
}
