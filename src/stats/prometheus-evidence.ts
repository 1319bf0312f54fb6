/**
 * Evidence from Prometheus: queries that a team declares, and the reading of what they give.
 *
 * A query of sums gives one sample for each epoch, arm and group of users, told by the labels `epoch`, `arm` and `group`,
 * every one of them: a series that is missing, because a target was not scraped, cannot be told from nothing that
 * happened, so it is no zero. An answer with warnings, as a store gives it when a part of it was not there, is refused.
 *
 * No gate asks for it yet.
 */
import { valueAt } from "../api/json.ts";
import { EvidenceError, emptyCell, USER_GROUPS } from "./evidence.ts";
import {
  type EvidenceQuestion,
  type Freshness,
  type OutsideCell,
  type OutsideEvidence,
  requireQuestion,
  wholeEvidence,
} from "./outside-evidence.ts";

/** The queries. In each `$namespace`, `$deployment`, `$candidate`, `$stable` and `$epochs` stand for what is asked. */
export interface PrometheusQueries {
  /** Answers, by epoch, arm and group. */
  readonly answers: string;
  /** The metric's sum over them. */
  readonly sums: string;
  /** The same of matured answers, by labels that came within their maturity. */
  readonly maturedAnswers: string;
  readonly maturedSums: string;
  /** One number: seconds since the newest of all that is counted. */
  readonly ageSeconds: string;
}

/** What Prometheus answered to each query: the bodies. */
export type PrometheusAnswers = Readonly<Record<keyof PrometheusQueries, string>>;

/** Longest query, in characters. */
export const MAXIMUM_QUERY_LENGTH = 16_384;
const PLACEHOLDER = /\$(\w+)/g;
const NUMBER = /^-?(\d+(\.\d+)?([eE][+-]?\d+)?)$/;
const ARMS: Readonly<Record<string, OutsideCell["arm"]>> = { candidate: "Candidate", stable: "Stable" };

/**
 * The queries for a question.
 *
 * @throws {RangeError} for a question that cannot be asked, a placeholder that is not known, or too long a query.
 */
export function queriesFor(queries: PrometheusQueries, question: EvidenceQuestion): PrometheusQueries {
  requireQuestion(question);
  // Names have no character that means anything within the quotes of a query.
  const values: Readonly<Record<string, string>> = {
    namespace: question.namespace,
    deployment: question.deployment,
    candidate: question.candidate,
    stable: question.stable,
    epochs: question.epochs.map(({ epoch }) => epoch).join("|"),
  };
  const filled = (name: keyof PrometheusQueries): string => {
    const query = queries[name].replaceAll(PLACEHOLDER, (placeholder, member: string) => {
      const value = Object.hasOwn(values, member) ? values[member] : undefined;
      if (value !== undefined) return value;
      throw new RangeError(
        `query ${name}: expected only $${Object.keys(values).join(", $")}, got ${placeholder}`,
      );
    });
    if (query.trim() === "" || query.length > MAXIMUM_QUERY_LENGTH) {
      throw new RangeError(
        `query ${name}: expected 1 to ${MAXIMUM_QUERY_LENGTH} characters, got ${query.length}`,
      );
    }
    return query;
  };
  return {
    answers: filled("answers"),
    sums: filled("sums"),
    maturedAnswers: filled("maturedAnswers"),
    maturedSums: filled("maturedSums"),
    ageSeconds: filled("ageSeconds"),
  };
}

/**
 * Reads what Prometheus answered, all queries for one and the same time.
 *
 * @param atMilliseconds the time for which it was asked.
 * @throws {EvidenceError} for anything but whole, fresh answers.
 */
export function parsePrometheusAnswers(
  answers: PrometheusAnswers,
  question: EvidenceQuestion,
  atMilliseconds: number,
  freshness: Freshness,
  where: string,
): OutsideEvidence {
  const age = samplesOf(answers.ageSeconds, `${where}: ageSeconds`);
  const [sample] = age;
  if (age.length !== 1 || sample === undefined) {
    throw new EvidenceError(`${where}: ageSeconds: expected one number, got ${age.length}`);
  }
  const cells = (numbers: keyof PrometheusQueries, sums: keyof PrometheusQueries) => {
    const n = groupsOf(answers[numbers], question, `${where}: ${numbers}`);
    const y = groupsOf(answers[sums], question, `${where}: ${sums}`);
    return question.epochs.flatMap(({ epoch }) =>
      Object.values(ARMS).map((arm) => {
        const [answered, summed] = [n.get(`${epoch}/${arm}`), y.get(`${epoch}/${arm}`)];
        if (answered === undefined || summed === undefined)
          throw new EvidenceError(`${where}: expected ${epoch}/${arm}`);
        return { epoch, arm, answers: answered, sums: summed };
      }),
    );
  };
  const evidence = {
    arrived: cells("answers", "sums"),
    matured: cells("maturedAnswers", "maturedSums"),
    asOfMilliseconds: atMilliseconds - sample.value * 1_000,
  };
  return wholeEvidence(evidence, question, freshness, where);
}

/** The numbers of every group, by epoch and arm. */
function groupsOf(
  text: string,
  question: EvidenceQuestion,
  where: string,
): ReadonlyMap<string, Float64Array> {
  const vectors = new Map(
    question.epochs.flatMap(({ epoch }) =>
      Object.values(ARMS).map((arm): [string, Float64Array] => [
        `${epoch}/${arm}`,
        emptyCell().answers.fill(Number.NaN),
      ]),
    ),
  );
  for (const { labels, value } of samplesOf(text, where)) {
    const name = `${labels["epoch"]}/${ARMS[labels["arm"] ?? ""] ?? labels["arm"]}`;
    const vector = vectors.get(name);
    if (vector === undefined)
      throw new EvidenceError(`${where}: expected epochs and arms that were asked about, got ${name}`);
    const group = /^\d{1,3}$/.test(labels["group"] ?? "") ? Number(labels["group"]) : Number.NaN;
    if (!(group < USER_GROUPS)) {
      throw new EvidenceError(
        `${where}: ${name}: expected a group from 0 to ${USER_GROUPS - 1}, got ${labels["group"]}`,
      );
    }
    if (!Number.isNaN(vector[group]))
      throw new EvidenceError(`${where}: ${name}: expected group ${group} once, got it twice`);
    vector[group] = value;
  }
  for (const [name, vector] of vectors) {
    const missing = vector.findIndex(Number.isNaN);
    if (missing >= 0) throw new EvidenceError(`${where}: ${name}: expected group ${missing}, got none`);
  }
  return vectors;
}

interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The samples of an instant query, whose form is that of Prometheus' HTTP API. */
function samplesOf(text: string, where: string): readonly Sample[] {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new EvidenceError(
      `${where}: expected a whole answer in JSON, got ${text.length} characters of something else`,
    );
  }
  if (valueAt(answer, "status") !== "success") {
    const error = valueAt(answer, "error");
    const said = typeof error === "string" ? `: ${error.slice(0, 200)}` : "";
    throw new EvidenceError(`${where}: expected success, got an error${said}`);
  }
  const warnings = valueAt(answer, "warnings");
  if (Array.isArray(warnings) && warnings.length > 0) {
    throw new EvidenceError(
      `${where}: expected an answer without warnings, got ${String(warnings[0]).slice(0, 200)}`,
    );
  }
  const [type, result] = [valueAt(answer, "data", "resultType"), valueAt(answer, "data", "result")];
  if (type === "scalar") return [sampleOf({ metric: {}, value: result }, where)];
  if (type !== "vector" || !Array.isArray(result)) {
    throw new EvidenceError(`${where}: expected an instant vector or a scalar, got ${String(type)}`);
  }
  return result.map((one: unknown) => sampleOf(one, where));
}

function sampleOf(one: unknown, where: string): Sample {
  const [metric, pair] = [valueAt(one, "metric"), valueAt(one, "value")];
  const text: unknown = Array.isArray(pair) ? pair[1] : undefined;
  const value = typeof text === "string" && NUMBER.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(value))
    throw new EvidenceError(`${where}: expected a finite number, got ${String(text)}`);
  const labels: Record<string, string> = {};
  if (typeof metric === "object" && metric !== null) {
    for (const [name, label] of Object.entries(metric)) if (typeof label === "string") labels[name] = label;
  }
  return { labels, value };
}
