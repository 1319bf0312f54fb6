/**
 * How much evidence there is, for people and for the rule that too little of it is no verdict: approximations by normal
 * and binomial distributions, and a dispersion that is measured, need some successes to stand on.
 */
import type { Effect } from "./effect.ts";

/** Successes that stable must have. */
export const LEAST_STABLE = 50;
/** Successes that the smaller arm must be expected to have, over all epochs. */
export const LEAST_EXPECTED = 10;

/** The sums that a verdict rests on. */
export interface EvidenceSizes {
  readonly candidateAnswers: number;
  readonly stableAnswers: number;
  /** In units of the metric, as the next. */
  readonly candidateSum: number;
  readonly stableSum: number;
  /** How many times more uncertain the sums are than those of independent requests with 0 or 1. */
  readonly dispersion: number;
}

/** The sizes of an effect. */
export function sizesOf(effect: Effect): EvidenceSizes {
  const { candidateAnswers, stableAnswers, candidateSum, stableSum, dispersion } = effect;
  return { candidateAnswers, stableAnswers, candidateSum, stableSum, dispersion };
}

/**
 * What there is too little of, in a few words; undefined when it is enough. Amounts have no natural unit, so they are
 * counted in successes of 0/1 that would be as certain: their sum over the dispersion.
 */
export function shortage(effect: Effect, zeroOne: boolean): string | undefined {
  const unit = zeroOne ? 1 : effect.dispersion;
  const stable = effect.stableSum / unit;
  let expected = 0;
  for (const { candidateShare: q, candidateSum, stableSum } of effect.epochs) {
    expected += (Math.min(q, 1 - q) * (candidateSum + stableSum)) / unit;
  }
  if (!(stable >= LEAST_STABLE)) return `stable has ${shown(stable)} successes of the ${LEAST_STABLE} needed`;
  if (!(expected >= LEAST_EXPECTED)) {
    return `the smaller arm can be expected to have ${shown(expected)} successes of the ${LEAST_EXPECTED} needed`;
  }
  return undefined;
}

function shown(count: number): string {
  return String(Math.floor(count * 10) / 10);
}
