/**
 * What one request adds to a metric of scores: the definitions of src/metrics, over the scores that its token tells.
 *
 * An answer that was delivered is counted at once as if none of its rows had the label; a row that gets it adds the
 * difference. So nothing has to be kept of requests without labels, and a request's labels add the same in whatever order
 * they come. Only labels within their maturity count, so the sums of a time that has matured stay as they are, whatever
 * comes later.
 *
 * Rows that the token does not describe are not counted, whether they get a label or not.
 */
import type { ScoreMetricType } from "../api/quality-metrics.ts";
import type { Metric } from "../metrics/metric.ts";
import { createMetric } from "../metrics/register.ts";
import { type RequestLabel, type ShownRow, settledRequest } from "../metrics/settled-request.ts";
import { scoreOfCode } from "../token/described-rows.ts";
import { FIXED_TOKEN_BYTES, readScores, TOKEN_HEAD_BYTES } from "../token/prediction-token.ts";
import { exact } from "./group-vector.ts";
import type { LabelledRequest } from "./labelled-request.ts";

/** One metric of scores as the settings define it. */
export interface ScoreMetricDefinition {
  readonly name: string;
  readonly type: ScoreMetricType;
  /** Name of the label of a positive row. */
  readonly label: string;
  /** Score from which on a row is predicted to be positive, where the type has one. */
  readonly threshold?: number;
}

/** A metric of scores, ready to be counted. */
export interface ScoreMetric {
  readonly definition: ScoreMetricDefinition;
  readonly metric: Metric;
}

/** The scores that tokens tell are probabilities, of which more is better. */
const MEANING = { probability: true, higherIsBetter: true };
/** Stands for a score that was no probability: any that is none is counted as such. */
const NO_PROBABILITY = -1;

/** What stands behind the sums of the metric's own. */
const BEHIND = {
  /** Answers that are counted. */
  requests: 0,
  /** Answers whose scores the log has lost, though their token tells them. */
  cut: 1,
} as const;

/**
 * Makes a metric.
 *
 * @throws MetricSettingsError for a setting that the type does not read or cannot use.
 */
export function scoreMetric(definition: ScoreMetricDefinition): ScoreMetric {
  return { definition, metric: createMetric(definition, MEANING) };
}

/** As many numbers as are kept of a metric, all zero. */
export function newScoreVector({ metric }: ScoreMetric): Float64Array {
  return new Float64Array(metric.sums.length + Object.keys(BEHIND).length);
}

/** How many answers a vector is of. */
export function requestsIn(vector: Float64Array, { metric }: ScoreMetric): number {
  return vector[metric.sums.length + BEHIND.requests] ?? 0;
}

/** Whether answers are missing in a vector whose labels may be there. */
export function isCut(vector: Float64Array, { metric }: ScoreMetric): boolean {
  return (vector[metric.sums.length + BEHIND.cut] ?? 0) > 0;
}

/** Whether a token tells scores, by its head. */
export function tellsScores(token: Buffer): boolean {
  return (token[TOKEN_HEAD_BYTES - 1] ?? 0) > 0;
}

/** The rows of an answer as the log has it: a token that may have been cut off behind its code, and then has none. */
export function loggedRows(token: Buffer, rows: number): readonly ShownRow[] {
  if (token.length <= FIXED_TOKEN_BYTES) return [];
  return rowsOf(token.subarray(FIXED_TOKEN_BYTES), token, rows);
}

/** Adds an answer with these rows, none of which has a label yet. */
export function addAnswer(into: Float64Array, scores: ScoreMetric, rows: readonly ShownRow[]): void {
  const own = scores.metric.sums.length;
  if (rows.length === 0) {
    into[own + BEHIND.cut] = (into[own + BEHIND.cut] ?? 0) + 1;
    return;
  }
  addCounted(into, scores, rows, [], 1);
  into[own + BEHIND.requests] = (into[own + BEHIND.requests] ?? 0) + 1;
}

/**
 * Adds what the labels of a request change: of each row that has one, what it is with the label less what it is without;
 * `sign` -1 takes it away.
 */
export function addLabels(
  into: Float64Array,
  scores: ScoreMetric,
  request: LabelledRequest,
  rowCount: number,
  labelId: number,
  longestDelaySeconds: number,
  sign: 1 | -1,
): void {
  const { token, excluded, events } = request;
  if (excluded || token.length <= TOKEN_HEAD_BYTES || !tellsScores(token)) return;
  const { label } = scores.definition;
  const labels = events.flatMap(({ label: id, row, value, delaySeconds }): RequestLabel[] => {
    // Where there is one row, a label of the request as a whole is of that.
    const of = row ?? (rowCount === 1 ? 0 : undefined);
    return id === labelId && of !== undefined && delaySeconds <= longestDelaySeconds
      ? [{ label, row: of, value }]
      : [];
  });
  if (labels.length === 0) return;
  const named = new Set(labels.map(({ row }) => row));
  const rows = rowsOf(token.subarray(TOKEN_HEAD_BYTES), token, rowCount).filter(({ row }) => named.has(row));
  const described = new Set(rows.map(({ row }) => row));
  const counted = labels.filter(({ row }) => row !== undefined && described.has(row));
  addCounted(into, scores, rows, counted, sign);
  addCounted(into, scores, rows, [], sign === 1 ? -1 : 1);
}

/** In steps that add without rounding, so that what was added can be taken away to the last digit. */
function addCounted(
  into: Float64Array,
  { metric }: ScoreMetric,
  rows: readonly ShownRow[],
  labels: readonly RequestLabel[],
  sign: 1 | -1,
): void {
  const sums = new Float64Array(metric.sums.length);
  metric.add(settledRequest(rows, labels), sums);
  for (let index = 0; index < sums.length; index++) {
    const value = sums[index] ?? 0;
    if (value !== 0) into[index] = (into[index] ?? 0) + sign * exact(value);
  }
}

/** The described rows, from what stands behind a token's code. */
function rowsOf(bytes: Buffer, head: Buffer, rowCount: number): readonly ShownRow[] {
  const { scores, rowIndexes } = readScores(bytes, head[TOKEN_HEAD_BYTES - 1] ?? 0, rowCount);
  return Array.from(scores, (code, index) => {
    const score = scoreOfCode(code);
    return { row: rowIndexes?.[index] ?? index, score: Number.isNaN(score) ? NO_PROBABILITY : score };
  });
}
