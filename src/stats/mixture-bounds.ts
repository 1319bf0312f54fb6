/**
 * Bounds of an effect that hold at every look at once, however often one looks: a normal mixture turned round
 * (Robbins, Ann. Math. Stat. 41, 1970; Howard, Ramdas, McAuliffe and Sekhon, Ann. Stat. 49, 2021, section 3.2).
 *
 *     d +- s sqrt((1 + s2 / tau^2) (2 ln(1 / (2 alpha)) + ln(1 + tau^2 / s2)))
 *
 * Each of the two is wrong with a probability of at most alpha, as far as d is normal with the variance s2.
 */
import { type Effect, relativeChange } from "./effect.ts";

/** Bounds, as a relative change of the metric: -0.1 means 10 % lower than stable's. */
export interface ChangeBounds {
  /** At least -1. */
  readonly lower: number;
  /** May be infinite. */
  readonly upper: number;
}

/** Half of the distance between the bounds, on the scale of d. Infinite where the variance is. */
export function mixtureHalfWidth(variance: number, alpha: number, tau: number): number {
  if (variance === Number.POSITIVE_INFINITY) return variance;
  const ratio = variance / tau ** 2;
  return Math.sqrt(variance * (1 + ratio) * (2 * Math.log(1 / (2 * alpha)) + Math.log1p(1 / ratio)));
}

/**
 * @param alpha the probability that one of the bounds is ever wrong, below 0.5.
 * @param tau the size of effect, as a share, at which the bounds are the tightest.
 */
export function changeBounds(effect: Effect, alpha: number, tau: number): ChangeBounds {
  const halfWidth = mixtureHalfWidth(effect.variance, alpha, tau);
  return {
    lower: relativeChange(effect.effect - halfWidth, effect.candidateShare),
    upper: relativeChange(effect.effect + halfWidth, effect.candidateShare),
  };
}
