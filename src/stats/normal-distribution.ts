/**
 * The normal distribution: its cumulative probability as a plain number and as a logarithm that holds in the farthest
 * tails, and its quantiles.
 *
 * Never for a probability out of range: the answer is NaN.
 */
import { logUpperGamma } from "./incomplete-gamma.ts";
import { HALF_LOG_TWO_PI } from "./log-gamma.ts";

/** Newton's method doubles the digits at each step; the first guess has three. */
const NEWTON_STEPS = 6;

/** ln Phi(x). Phi(-x) = Q(1/2, x^2 / 2) / 2 for x >= 0 (NIST DLMF 7.11.2). */
export function logNormalProbability(x: number): number {
  const logTail = logUpperGamma(0.5, (x * x) / 2) - Math.LN2;
  return x <= 0 ? logTail : Math.log1p(-Math.exp(logTail));
}

/** Phi(x): the probability that a standard normal is at most x. */
export function normalProbability(x: number): number {
  return Math.exp(logNormalProbability(x));
}

/** The x with Phi(x) = p, for 0 < p < 1: the guess of Abramowitz and Stegun 26.2.22, then Newton's method on ln Phi. */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) return Number.NaN;
  if (p > 0.5) return -lowerQuantile(1 - p);
  return p === 0.5 ? 0 : lowerQuantile(p);
}

function lowerQuantile(p: number): number {
  const logP = Math.log(p);
  const t = Math.sqrt(-2 * logP);
  let x = (2.30753 + 0.27061 * t) / (1 + 0.99229 * t + 0.04481 * t * t) - t;
  for (let step = 0; step < NEWTON_STEPS; step++) {
    const logProbability = logNormalProbability(x);
    const logDensity = -(x * x) / 2 - HALF_LOG_TWO_PI;
    x -= (logProbability - logP) * Math.exp(logProbability - logDensity);
  }
  return x;
}
