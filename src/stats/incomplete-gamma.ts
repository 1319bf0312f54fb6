/**
 * The regularized upper incomplete gamma function as a logarithm, and the tail of the chi-square distribution, which is
 * one of its values.
 *
 * Never for arguments out of range: the answer is NaN.
 */
import { continuedFraction, MAXIMUM_TERMS } from "./continued-fraction.ts";
import { logGammaHead } from "./log-gamma.ts";

/**
 * ln Q(a, x), where Q(a, x) = Gamma(a, x) / Gamma(a), for a > 0 and x >= 0: the series of NIST DLMF 8.11.4 below the
 * mean, the continued fraction of 8.9.2 above it.
 */
export function logUpperGamma(a: number, x: number): number {
  if (!(a > 0 && x >= 0 && a < Number.POSITIVE_INFINITY)) return Number.NaN;
  if (x === 0) return 0;
  if (x === Number.POSITIVE_INFINITY) return Number.NEGATIVE_INFINITY;
  const head = logGammaHead(a, x);
  if (x < a + 1) return Math.log1p(-Math.exp(head - Math.log(a) + Math.log(lowerSeries(a, x))));
  return head + Math.log(upperFraction(a, x));
}

/** The probability that a chi-square with so many degrees of freedom is at least `statistic`. */
export function chiSquareTail(statistic: number, degreesOfFreedom: number): number {
  return Math.exp(logUpperGamma(degreesOfFreedom / 2, statistic / 2));
}

/** The sum of x^k / ((a + 1) ... (a + k)). */
function lowerSeries(a: number, x: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; k <= MAXIMUM_TERMS; k++) {
    term *= x / (a + k);
    sum += term;
    if (term <= sum * Number.EPSILON) return sum;
  }
  return Number.NaN;
}

/** 1 / (x + 1 - a + 1 (a - 1) / (x + 3 - a + 2 (a - 2) / (x + 5 - a + ...))). */
function upperFraction(a: number, x: number): number {
  return continuedFraction(
    (term) => term * (a - term),
    (term) => x + 1 - a + 2 * term,
  );
}
