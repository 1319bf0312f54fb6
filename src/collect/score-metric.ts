/**
 * What one request adds to a metric of scores: the definitions of src/metrics, over the scores that its token tells.
 *
 * An answer that was delivered is counted at once as if none of its rows had the label; a row that gets it adds the
 * difference. So nothing has to be kept of requests without labels, and a request's labels add the same in whatever order
 * they come. Only labels within their maturity count, so the sums of a time that has matured stay as they are, whatever
 * comes later.
 *
 * A metric of scores is a sum over rows, so what a row adds is worked out once for each score. Rows that the token does not
 * describe are not counted, whether they get a label or not.
 */
import type { ScoreMetricType } from "../api/quality-metrics.ts";
import type { Metric } from "../metrics/metric.ts";
import { createMetric } from "../metrics/register.ts";
import { settledRequest } from "../metrics/settled-request.ts";
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
  /** By the code of its score, and whether it has the label, what a row adds; as far as it was worked out. */
  readonly rows: Map<number, RowSums>;
}

/** The numbers that a row adds to, and what it adds. */
export interface RowSums {
  readonly indexes: readonly number[];
  readonly values: readonly number[];
}

/** Rows whose sums are remembered: as many as there are codes would be too many. */
const MAXIMUM_REMEMBERED = 20_000;

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
  return { definition, metric: createMetric(definition, MEANING), rows: new Map() };
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
  return describedRows(token) > 0;
}

/** The codes of an answer's described rows, as the log has it: none where its token was cut off behind the code. */
export function loggedCodes(token: Buffer, rowCount: number): Uint16Array {
  if (token.length <= FIXED_TOKEN_BYTES) return new Uint16Array(0);
  return readScores(token.subarray(FIXED_TOKEN_BYTES), describedRows(token), rowCount).scores;
}

/** Adds an answer whose rows have these codes, and none of which has a label yet. */
export function addAnswer(into: Float64Array, scores: ScoreMetric, codes: Uint16Array): void {
  const behind = scores.metric.sums.length + (codes.length === 0 ? BEHIND.cut : BEHIND.requests);
  into[behind] = (into[behind] ?? 0) + 1;
  for (let index = 0; index < codes.length; index++) addRow(into, scores, codes[index] ?? 0, false, 1);
}

/** Adds what a row changes when it gets the label, by the code of its score; `sign` -1 takes it away. */
export function addPositive(into: Float64Array, scores: ScoreMetric, code: number, sign: 1 | -1): void {
  addRow(into, scores, code, true, sign);
  addRow(into, scores, code, false, sign === 1 ? -1 : 1);
}

const NONE: ReadonlyMap<number, number> = new Map();

/** The described rows of a request that have the label in time, each with the code of its score. */
export function positiveRows(
  { token, excluded, events }: LabelledRequest,
  rowCount: number,
  labelId: number,
  longestDelaySeconds: number,
): ReadonlyMap<number, number> {
  if (excluded || token.length <= TOKEN_HEAD_BYTES || !tellsScores(token)) return NONE;
  const values = new Map<number, number>();
  for (const { label, row, value, delaySeconds } of events) {
    // Where there is one row, a label of the request as a whole is of that.
    const of = row ?? (rowCount === 1 ? 0 : undefined);
    if (label !== labelId || of === undefined || delaySeconds > longestDelaySeconds) continue;
    values.set(of, (values.get(of) ?? 0) + value);
  }
  const codes = new Map<number, number>();
  for (const [row, value] of values) {
    const code = value > 0 ? codeOfRow(token, rowCount, row) : undefined;
    if (code !== undefined) codes.set(row, code);
  }
  return codes;
}

/** What stands in a kept token; undefined for a row that it does not describe. */
function codeOfRow(token: Buffer, rowCount: number, row: number): number | undefined {
  const described = describedRows(token);
  const { scores, rowIndexes } = readScores(token.subarray(TOKEN_HEAD_BYTES), described, rowCount);
  const index = rowIndexes === undefined ? row : rowIndexes.indexOf(row);
  return index < 0 ? undefined : scores[index];
}

function describedRows(token: Buffer): number {
  return token[TOKEN_HEAD_BYTES - 1] ?? 0;
}

function addRow(
  into: Float64Array,
  scores: ScoreMetric,
  code: number,
  isPositive: boolean,
  sign: 1 | -1,
): void {
  const { indexes, values } = rowSums(scores, code, isPositive);
  for (let at = 0; at < indexes.length; at++) {
    const index = indexes[at] ?? 0;
    into[index] = (into[index] ?? 0) + sign * (values[at] ?? 0);
  }
}

/** What a row alone adds, by the metric's own definition, in steps that add without rounding. */
function rowSums({ definition, metric, rows }: ScoreMetric, code: number, isPositive: boolean): RowSums {
  const name = code * 2 + (isPositive ? 1 : 0);
  const known = rows.get(name);
  if (known !== undefined) return known;
  const score = scoreOfCode(code);
  const row = { row: 0, score: Number.isNaN(score) ? NO_PROBABILITY : score };
  const labels = isPositive ? [{ label: definition.label, row: 0, value: 1 }] : [];
  const sums = new Float64Array(metric.sums.length);
  metric.add(settledRequest([row], labels), sums);
  const indexes = [...sums.keys()].filter((index) => sums[index] !== 0);
  const made = { indexes, values: indexes.map((index) => exact(sums[index] ?? 0)) };
  // All at once: what is in use comes back with the next row.
  if (rows.size >= MAXIMUM_REMEMBERED) rows.clear();
  rows.set(name, made);
  return made;
}
