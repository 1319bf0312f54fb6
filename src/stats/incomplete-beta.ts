/**
 * The regularized incomplete beta function as a logarithm: ln I_x(a, b), the probability that a Beta(a, b) lies below
 * x. Evidence of harm is a ratio of such probabilities, many of them below the smallest number there is.
 *
 * Never for arguments out of range: the answer is NaN, and never a guess.
 */
import { continuedFraction } from "./continued-fraction.ts";
import { logBetaHead } from "./log-gamma.ts";

/** ln I_x(a, b) for 0 <= x <= 1 and a, b > 0 (continued fraction of NIST DLMF 8.17.22). */
export function logIncompleteBeta(x: number, a: number, b: number): number {
  if (!(a > 0 && b > 0 && x >= 0 && x <= 1 && a + b < Number.POSITIVE_INFINITY)) return Number.NaN;
  if (x === 0) return Number.NEGATIVE_INFINITY;
  if (x === 1) return 0;
  const y = 1 - x;
  // The fraction converges fast on the side of the mean on which the function is the smaller one.
  if (x * (a + b + 2) <= a + 1) return logLowerPart(x, y, a, b);
  return Math.log1p(-Math.exp(logLowerPart(y, x, b, a)));
}

function logLowerPart(x: number, y: number, a: number, b: number): number {
  return logBetaHead(a, b, x, y) - Math.log(a) + Math.log(fraction(x, a, b));
}

/** 1 / (1 + d_1 / (1 + d_2 / (1 + ...))), with the terms d_2m and d_2m+1 of NIST DLMF 8.17.23. */
function fraction(x: number, a: number, b: number): number {
  return continuedFraction(
    (term) => {
      const m = term >> 1;
      const above = term % 2 === 0 ? m * (b - m) : -(a + m) * (a + b + m);
      return (above * x) / ((a + term - 1) * (a + term));
    },
    () => 1,
  );
}
