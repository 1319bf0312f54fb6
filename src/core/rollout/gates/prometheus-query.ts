/**
 * PrometheusQuery: whether the number that a declared query gives is within bounds.
 */
import type { GateFigure } from "../../../api/gate-status.ts";
import { numberText, present } from "./figure-text.ts";
import type { StepView } from "./gate-evidence.ts";
import { gateKind, type JudgeInput, type Judgement, judgeKnown, noData } from "./judgement.ts";
import { knowledgeOf, type Reading } from "./reading.ts";

/** Settings of the gate: at least one of the two. */
export interface PrometheusQuerySettings {
  readonly min?: number;
  readonly max?: number;
}

/** The type `PrometheusQuery`. */
export const prometheusQueryGate = gateKind<PrometheusQuerySettings>(({ prometheusQuery }) => {
  if (prometheusQuery === undefined) return undefined;
  const { min, max } = prometheusQuery;
  return {
    ...(min === undefined ? {} : { min: Number(min) }),
    ...(max === undefined ? {} : { max: Number(max) }),
  };
}, judgePrometheusQuery);

/** Judges the number. */
export function judgePrometheusQuery({
  name,
  settings: { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY },
  step,
  evidence,
}: JudgeInput<PrometheusQuerySettings>): Judgement {
  const knowledge = knowledgeOf(
    ofThisStep(evidence.queries.get(name), step),
    "the query",
    step.nowMilliseconds,
  );
  return judgeKnown(knowledge, (value) => {
    if (Number.isNaN(value)) return noData({ reason: "the query gives no number" }, "NotANumber");
    const bounds = [
      ...(Number.isFinite(min) ? [`at least ${numberText(min)}`] : []),
      ...(Number.isFinite(max) ? [`at most ${numberText(max)}`] : []),
    ].join(" and ");
    const message = `the query gives ${numberText(value) ?? String(value)}; it must be ${bounds}`;
    const isWithin = value >= min && value <= max;
    // The bound that is broken, or else the nearer one.
    const threshold = value > max || Math.abs(max - value) <= Math.abs(value - min) ? max : min;
    const figures: readonly GateFigure[] = [
      { name: "query", ...present({ estimate: numberText(value), threshold: numberText(threshold) }) },
    ];
    return isWithin
      ? { verdict: "Pass", reason: "Within", message, figures }
      : { verdict: "Fail", reason: value > max ? "TooHigh" : "TooLow", message, figures };
  });
}

/** What was read before the share of the step was in effect says nothing about the step. */
export function ofThisStep<Value>(
  reading: Reading<Value> | undefined,
  { inEffectAtMilliseconds }: StepView,
): Reading<Value> | undefined {
  if (reading?.kind !== "Whole") return reading;
  if (inEffectAtMilliseconds !== undefined && reading.atMilliseconds >= inEffectAtMilliseconds)
    return reading;
  return { kind: "Missing", reason: "not asked since the share of the step is in effect" };
}
