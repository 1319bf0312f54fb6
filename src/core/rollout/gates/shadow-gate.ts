/**
 * What gates of mirrored requests have in common: how one is made, and how a mean over pairs is held to a bound.
 */
import type { GateFigure } from "../../../api/gate-status.ts";
import { DEFAULT_MINIMUM_PAIRS, LEAST_PAIRS, type ShadowSpec } from "../../../api/shadow.ts";
import { FULL_WEIGHT } from "../../../api/traffic-plan.ts";
import { boundedMean, type GroupedMean } from "../../../stats/mean-bounds.ts";
import type { ShadowCounts } from "../../../stats/shadow-counts.ts";
import { totalOf } from "../../../stats/total.ts";
import { countText, numberText, present } from "./figure-text.ts";
import type { StepView } from "./gate-evidence.ts";
import type { JudgeInput, Judgement, Need } from "./judgement.ts";

/** A gate of mirrored requests. */
export interface ShadowGate {
  readonly name: string;
  /** It can show that the candidate is bad, and shares the probability to do so without cause. */
  readonly looksForHarm: boolean;
  /** Whether the strategy holds anything by it. */
  applies(shadow: ShadowSpec): boolean;
  judge(input: JudgeInput<ShadowSpec>): Judgement;
}

/** The probability that a bound is ever taken for kept, or for broken, where it is just so. */
export const SHADOW_ALPHA = 0.05;

/** A mean over pairs, and how it is told. */
export interface HeldMean {
  readonly mean: GroupedMean;
  readonly least: number;
  /** Name of the figure. */
  readonly name: string;
  /** What the pairs are: `pairs`, `pairs of lists`. */
  readonly of: string;
  /** Begins the sentence: `the same row is first in`. */
  readonly what: string;
  /** What breaks it, in one word. */
  readonly failure: string;
  readonly text: (value: number) => string;
}

/**
 * Judges a mean that must not be below a bound: it passes once all that the evidence leaves open is above, and fails once all
 * of it is below. Both hold at every look at once.
 */
export function judgeMean(
  { settings, step, harmGates }: Pick<JudgeInput<ShadowSpec>, "settings" | "step" | "harmGates">,
  { mean: grouped, least, name, of, what, failure, text }: HeldMean,
): Judgement {
  const passing = boundedMean(grouped, SHADOW_ALPHA);
  const failing = boundedMean(grouped, SHADOW_ALPHA / Math.max(1, harmGates));
  const { minPairs = DEFAULT_MINIMUM_PAIRS } = settings;
  const { mean, lower, count, dispersion } = passing;
  const { upper } = failing;
  const range = Number.isFinite(lower) ? ` (${text(lower)} to ${text(upper)})` : "";
  const message =
    count === 0
      ? `no ${of} so far`
      : `${what} ${text(mean)}${range} of ${countText(count)} ${of}; it must be at least ${text(least)}`;
  const figures: readonly GateFigure[] = [
    {
      name,
      ...present({
        estimate: numberText(mean),
        lower: numberText(lower),
        upper: numberText(upper),
        threshold: numberText(least),
        dispersion: numberText(dispersion),
      }),
      candidateCount: count,
      stableCount: count,
    },
  ];
  if (count >= LEAST_PAIRS && upper < least) return { verdict: "Fail", reason: failure, message, figures };
  if (!(count >= minPairs)) {
    const needs = needOf(count, minPairs, step);
    const text = `${message}; ${countText(minPairs)} ${of} are needed`;
    return { verdict: "TooLittle", reason: "TooLittle", message: text, figures, ...present({ needs }) };
  }
  // What is not a number is not above.
  return lower >= least
    ? { verdict: "Pass", reason: "Within", message, figures }
    : { verdict: "Undecided", reason: "NotShown", message, figures };
}

/** Requests of which so many pairs come, and how long that takes at the present traffic. */
export function needOf(
  pairs: number,
  needed: number,
  { mirror = 0, inEffectAtMilliseconds, nowMilliseconds }: StepView,
): Need | undefined {
  if (mirror === 0 || inEffectAtMilliseconds === undefined) return undefined;
  const passed = nowMilliseconds - inEffectAtMilliseconds;
  const milliseconds = pairs > 0 ? (passed / pairs) * (needed - pairs) : Number.POSITIVE_INFINITY;
  return { requests: Math.ceil((needed * FULL_WEIGHT) / mirror), milliseconds };
}

/** All requests of a sum. */
export function allOf({ sums }: ShadowCounts, name: keyof ShadowCounts["sums"]): number {
  return totalOf(sums[name]);
}
