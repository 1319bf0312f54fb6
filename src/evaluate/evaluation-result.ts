/**
 * What an evaluation found: one object for programs, a few lines for people. Pure.
 *
 * Names of members stay; a number that is not known is absent, and never 0.
 */
import { tableLines } from "../cli/table.ts";
import { isEstimate } from "../stats/group-jackknife.ts";
import type { CheckFinding } from "./judge.ts";
import type { MetricMeasure, ModelMeasure } from "./measure.ts";

/** A model that was run. */
export interface EvaluatedModel {
  readonly directory: string;
  readonly digest: string;
}

/** All that was found. */
export interface EvaluationResult {
  /** All checks passed. */
  readonly passed: boolean;
  readonly data: {
    readonly digest: string;
    readonly sizeBytes: number;
    readonly rows: number;
    readonly requests: number;
    /** What was taken for independent of each other: users, or requests. */
    readonly units: number;
    readonly unit: "User" | "Request";
  };
  readonly candidate: EvaluatedModel;
  readonly baseline?: EvaluatedModel;
  /** Both models gave each row the same score. */
  readonly answersAlike?: boolean;
  /** The probability that one of the bounds is wrong. */
  readonly alpha: number;
  readonly metrics: readonly MetricMeasure[];
  readonly checks: readonly CheckFinding[];
}

/** The result as a person reads it. */
export function resultLines(result: EvaluationResult): readonly string[] {
  const { data, metrics, checks, baseline, alpha } = result;
  const units = data.unit === "User" ? `${data.units} users` : `${data.units} requests`;
  const hasBaseline = baseline !== undefined;
  const table = tableLines([
    ["METRIC", "CANDIDATE", ...(hasBaseline ? ["BASELINE", "CHANGE"] : [])],
    ...metrics.map((one) => [
      one.name,
      measureText(one.candidate),
      ...(hasBaseline ? [measureText(one.baseline), changeText(one)] : []),
    ]),
  ]);
  const judged = checks.map(({ metric, expected, verdict, reason, ...found }) => [
    verdict,
    metric,
    expected,
    reason ?? foundText(found),
  ]);
  return [
    `${data.rows} rows of ${units}; each bound is wrong with a probability of ${alpha}`,
    ...(result.answersAlike === true ? ["both models gave each row the same score"] : []),
    "",
    ...table,
    "",
    ...(judged.length === 0
      ? []
      : [...tableLines([["VERDICT", "METRIC", "EXPECTED", "FOUND"], ...judged]), ""]),
    checks.length === 0 ? "nothing was checked" : result.passed ? "passed" : "not passed",
  ];
}

type FoundNumbers = Pick<CheckFinding, "value" | "lower" | "upper" | "compared">;

function measureText(measured: ModelMeasure | undefined): string {
  if (measured?.value === undefined) return "none";
  const { bounds } = measured;
  if (!isEstimate(bounds)) return shown(measured.value);
  return `${shown(measured.value)} (${shown(bounds.lower)} to ${shown(bounds.upper)})`;
}

function changeText({ change }: MetricMeasure): string {
  if (change === undefined || !isEstimate(change)) return "unknown";
  return `${percent(change.value)} (${percent(change.lower)} to ${percent(change.upper)})`;
}

function foundText({ value, lower, upper, compared }: FoundNumbers): string {
  const text = compared === "Change" ? percent : shown;
  if (value === undefined) return "none";
  return lower === undefined || upper === undefined
    ? text(value)
    : `${text(value)} (${text(lower)} to ${text(upper)})`;
}

function shown(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function percent(share: number): string {
  const text = (share * 100).toFixed(1);
  return `${share > 0 ? "+" : ""}${text} %`;
}
