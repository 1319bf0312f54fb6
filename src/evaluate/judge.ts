/**
 * Whether what was measured is what was asked for. A check passes only when the whole interval is on the good side: where
 * the set is too small to tell, it does not pass, and says so. Pure.
 */
import { type GroupEstimate, isEstimate, type NoEstimate } from "../stats/group-jackknife.ts";
import type { Check } from "./evaluate-settings.ts";
import type { MetricMeasure } from "./measure.ts";

/** What became of a check. Only `Passed` passes. */
export type CheckVerdict =
  | "Passed"
  /** The whole interval is on the wrong side. */
  | "Failed"
  /** The interval has both sides in it. */
  | "NotShown"
  /** There is no interval, or no value. */
  | "TooLittle";

/** A check with all that explains its verdict. */
export interface CheckFinding {
  readonly metric: string;
  /** What was asked for, in words. */
  readonly expected: string;
  readonly verdict: CheckVerdict;
  /** What was compared: the metric's value, or its change from the baseline as a share. */
  readonly compared: "Value" | "Change";
  readonly value?: number;
  readonly lower?: number;
  readonly upper?: number;
  /** What it was compared with. */
  readonly threshold: number;
  /** Why there is too little, in a few words. */
  readonly reason?: string;
}

/** Judges one check. */
export function judge(check: Check, measured: MetricMeasure): CheckFinding {
  const { rule, metric } = check;
  // A rule about a change looks down from the baseline where higher is better, and up where lower is.
  const isFloor = rule.type === "AtLeast" || (rule.type === "NotWorse" && measured.higherIsBetter);
  const threshold = rule.type === "NotWorse" ? (isFloor ? -rule.margin : rule.margin) : rule.value;
  const expected = wordsOf(check, isFloor);
  const compared = rule.type === "NotWorse" ? "Change" : "Value";
  const found = { metric, expected, compared, threshold } as const;
  const { bounds, value } =
    rule.type === "NotWorse"
      ? changeBounds(measured)
      : { bounds: measured.candidate.bounds, value: measured.candidate.value };
  if (measured.candidate.refusedScores + (measured.baseline?.refusedScores ?? 0) > 0) {
    return { ...found, verdict: "TooLittle", reason: "scores that are no probabilities were left out" };
  }
  if (check.by === "Estimate") {
    if (value === undefined) return { ...found, verdict: "TooLittle", reason: "it has no value on this set" };
    return { ...found, value, verdict: holds(value, threshold, isFloor, rule.type) ? "Passed" : "Failed" };
  }
  if (!isEstimate(bounds)) {
    return {
      ...found,
      verdict: "TooLittle",
      reason: bounds.reason,
      ...(value === undefined ? {} : { value }),
    };
  }
  const { lower, upper } = bounds;
  const [worst, best] = isFloor ? [lower, upper] : [upper, lower];
  const verdict = holds(worst, threshold, isFloor, rule.type)
    ? "Passed"
    : holds(best, threshold, isFloor, rule.type)
      ? "NotShown"
      : "Failed";
  return { ...found, value: bounds.value, lower, upper, verdict };
}

/** A margin itself is too much; a value that is asked for is enough. */
function holds(value: number, threshold: number, isFloor: boolean, type: Check["rule"]["type"]): boolean {
  if (type === "NotWorse") return isFloor ? value > threshold : value < threshold;
  return isFloor ? value >= threshold : value <= threshold;
}

function changeBounds({ change, candidate, baseline }: MetricMeasure): {
  readonly bounds: GroupEstimate | NoEstimate;
  readonly value: number | undefined;
} {
  const [ours, theirs] = [candidate.value, baseline?.value];
  return {
    bounds: change ?? { reason: "there is no baseline" },
    value: ours === undefined || theirs === undefined || !(theirs > 0) ? undefined : ours / theirs - 1,
  };
}

function wordsOf({ rule, by }: Check, isFloor: boolean): string {
  const estimate = by === "Estimate" ? " (estimate)" : "";
  if (rule.type === "NotWorse") {
    const percent = `${Number((rule.margin * 100).toFixed(6))} %`;
    return `less than ${percent} ${isFloor ? "below" : "above"} the baseline${estimate}`;
  }
  return `at ${isFloor ? "least" : "most"} ${rule.value}${estimate}`;
}
