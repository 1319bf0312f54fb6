/**
 * Metrics of models on one labelled set, each with bounds, and the change from one model to the other on the same rows.
 *
 * Bounds come from what is left when each group of users is left out, of both models at once: so what the two have in
 * common, the set and its labels, takes no part in the uncertainty of the change. Pure.
 */
import type { Metric, MetricSettings, MetricTypeName, ScoreMeaning } from "../metrics/metric.ts";
import { addSums } from "../metrics/metric.ts";
import { createMetric, METRIC_TYPES } from "../metrics/register.ts";
import { settledRequest } from "../metrics/settled-request.ts";
import { USER_GROUPS } from "../stats/evidence.ts";
import { type GroupEstimate, groupEstimate, isEstimate, type NoEstimate } from "../stats/group-jackknife.ts";
import type { EvaluateSettings } from "./evaluate-settings.ts";
import type { ScoredSet } from "./scored-set.ts";

/**
 * Bins of scores where only their order counts: quantiles of each model's own, so that a model whose scores all lie close
 * together is measured as finely as any.
 */
const SCORE_BINS = 2_000;

/** A metric of one model: its value, where it has one, and its bounds or why there are none. */
export interface ModelMeasure {
  readonly value: number | undefined;
  readonly bounds: GroupEstimate | NoEstimate;
  /** Rows that could not be counted: a probability was expected. */
  readonly refusedScores: number;
}

/** A metric of all models. */
export interface MetricMeasure {
  readonly name: string;
  readonly type: MetricTypeName;
  readonly label: string;
  readonly higherIsBetter: boolean;
  readonly candidate: ModelMeasure;
  readonly baseline?: ModelMeasure;
  /** The candidate's value over the baseline's, less 1: -0.1 means 10 % lower. */
  readonly change?: GroupEstimate | NoEstimate;
}

/** What is measured on a set. The candidate is model 0, the baseline model 1. */
export interface Measures {
  readonly metrics: readonly MetricMeasure[];
  /** Both models gave each row the same score. */
  readonly answersAlike: boolean;
}

/** Measures all metrics of the settings. */
export function measure(set: ScoredSet, settings: EvaluateSettings, hasBaseline: boolean): Measures {
  const answersAlike = hasBaseline && isSame(set.scores(0), set.scores(1));
  const metrics = settings.metrics.map((one) => {
    const [candidate, baseline] = [
      sumsOf(set, settings, one, 0),
      hasBaseline ? sumsOf(set, settings, one, 1) : undefined,
    ];
    return {
      name: one.name,
      type: one.type,
      label: one.label ?? "",
      higherIsBetter: METRIC_TYPES[one.type].higherIsBetter,
      candidate: modelMeasure(candidate, settings.alpha),
      ...(baseline === undefined
        ? {}
        : {
            baseline: modelMeasure(baseline, settings.alpha),
            // The groups' changes do not differ at all, and yet it is known, where there is something to know.
            change:
              answersAlike && candidate.value !== undefined
                ? { value: 0, standardError: 0, lower: 0, upper: 0 }
                : changeOf(candidate, baseline, settings.alpha),
          }),
    };
  });
  return { metrics, answersAlike };
}

/** The sums of a metric over a set, and without each of the groups that have requests. */
interface GroupSums {
  readonly metric: Metric;
  readonly value: number | undefined;
  readonly without: readonly (number | undefined)[];
  readonly total: Float64Array;
}

function sumsOf(set: ScoredSet, settings: EvaluateSettings, one: MetricSettings, model: number): GroupSums {
  const scores = set.scores(model);
  const metric = createMetric(one, meaningFor(one, settings, scores));
  const label = one.label ?? "";
  const values = set.labels(settings.labels.findIndex(({ name }) => name === label));
  const groups: (Float64Array | undefined)[] = Array.from({ length: USER_GROUPS }, () => undefined);
  const total = new Float64Array(metric.sums.length);
  set.eachRequest((group, start, end) => {
    const rows = Array.from({ length: end - start }, (_, row) => ({
      row,
      score: scores[start + row] ?? Number.NaN,
    }));
    const labels = rows
      .map(({ row }) => ({ label, row, value: values[start + row] ?? Number.NaN }))
      .filter(({ value }) => value !== 0);
    const sums = groups[group] ?? new Float64Array(metric.sums.length);
    groups[group] = sums;
    metric.add(settledRequest(rows, labels), sums);
  });
  const present = groups.filter((sums) => sums !== undefined);
  for (const sums of present) addSums(total, sums);
  const without = present.map((sums) => {
    const rest = Float64Array.from(total);
    addSums(rest, sums, -1);
    return metric.value(rest);
  });
  return { metric, value: metric.value(total), without, total };
}

function meaningFor(
  { type }: MetricSettings,
  { score }: EvaluateSettings,
  scores: Float64Array,
): ScoreMeaning {
  if (type !== "AreaUnderCurve") return score.meaning;
  return { ...score.meaning, probability: false, scoreEdges: quantileEdges(scores) };
}

/** Bounds within what a metric of that unit can be. */
function clipped(
  estimate: GroupEstimate | NoEstimate,
  least: number,
  most: number,
): GroupEstimate | NoEstimate {
  if (!isEstimate(estimate)) return estimate;
  return { ...estimate, lower: Math.max(least, estimate.lower), upper: Math.min(most, estimate.upper) };
}

function modelMeasure({ metric, value, without, total }: GroupSums, alpha: number): ModelMeasure {
  const isShare = METRIC_TYPES[metric.type].unit === "ratio";
  const refused = metric.sums.findIndex(({ name }) => name === "refused_scores");
  return {
    value,
    bounds: clipped(groupEstimate(value, without, alpha), 0, isShare ? 1 : Number.POSITIVE_INFINITY),
    refusedScores: refused < 0 ? 0 : (total[refused] ?? 0),
  };
}

function changeOf(candidate: GroupSums, baseline: GroupSums, alpha: number): GroupEstimate | NoEstimate {
  const change = (value: number | undefined, other: number | undefined) =>
    value === undefined || other === undefined || !(other > 0) ? undefined : value / other - 1;
  const estimate = groupEstimate(
    change(candidate.value, baseline.value),
    candidate.without.map((value, group) => change(value, baseline.without[group])),
    alpha,
  );
  return clipped(estimate, -1, Number.POSITIVE_INFINITY);
}

/** Ascending values that part the scores into equal shares. */
function quantileEdges(scores: Float64Array): readonly number[] {
  const sorted = Float64Array.from(scores).sort();
  const edges: number[] = [];
  for (let bin = 1; bin < SCORE_BINS; bin++) {
    const edge = sorted[Math.floor((bin * sorted.length) / SCORE_BINS)] ?? Number.NaN;
    if (edge > (edges.at(-1) ?? sorted[0] ?? Number.NaN)) edges.push(edge);
  }
  return edges;
}

function isSame(scores: Float64Array, others: Float64Array): boolean {
  return scores.length === others.length && scores.every((score, row) => score === others[row]);
}
