/**
 * Quantiles of Student's t distribution: how far an estimate may be from the truth when its standard error is itself
 * estimated, from few values.
 *
 * Never for arguments out of range: the answer is NaN.
 */
import { crossing } from "./crossing.ts";
import { logIncompleteBeta } from "./incomplete-beta.ts";

/** The square of anything beyond is too much for a double, and its probability is not known. */
const FARTHEST = 2 ** 511;

/** P(T > t) for t >= 0: I_x(df/2, 1/2) / 2 with x = df / (df + t^2) (NIST DLMF 8.17, Abramowitz and Stegun 26.7.1). */
export function studentTail(t: number, degreesOfFreedom: number): number {
  if (!(t >= 0 && degreesOfFreedom >= 1)) return Number.NaN;
  const x = degreesOfFreedom / (degreesOfFreedom + t * t);
  return Math.exp(logIncompleteBeta(x, degreesOfFreedom / 2, 0.5)) / 2;
}

/**
 * The t that T exceeds with the probability `tail`, for 0 < tail < 0.5 and at least one degree of freedom. Infinite where
 * it is too far to be known.
 */
export function studentQuantile(tail: number, degreesOfFreedom: number): number {
  if (!(tail > 0 && tail < 0.5 && degreesOfFreedom >= 1)) return Number.NaN;
  let [low, high] = [0, 1];
  const isNearer = (t: number) => studentTail(t, degreesOfFreedom) > tail;
  while (isNearer(high)) {
    if (high === FARTHEST) return Number.POSITIVE_INFINITY;
    [low, high] = [high, high * 2];
  }
  return crossing(low, high, isNearer);
}
