/**
 * Logarithms of the gamma and beta functions, and the two differences in which a plain formula loses its digits:
 * Stirling's correction and ln(1 + u) - u. All tails of this folder are built on them, in logarithms, so that a value
 * far below the smallest number is still a number.
 *
 * Never for arguments of 0 and below: the answer is NaN.
 */

/** ln(2 pi) / 2. */
export const HALF_LOG_TWO_PI = 0.9189385332046727;
/** From here on the series of Stirling, with the terms below, is exact to the last digit. */
const STIRLING_FROM = 10;
/** Coefficients of 1/x, 1/x^3, ... (NIST DLMF 5.11.1). */
const STIRLING = [
  1 / 12,
  -1 / 360,
  1 / 1260,
  -1 / 1680,
  1 / 1188,
  -691 / 360360,
  1 / 156,
  -3617 / 122400,
] as const;
/** Where the plain formula of ln(1 + u) - u has all its digits again. */
const NEAR_ZERO = 0.4;

/**
 * What Stirling's formula leaves out: ln Gamma(x) - ((x - 1/2) ln x - x + ln(2 pi) / 2). NaN below 10, where its series
 * (NIST DLMF 5.11.1) is not exact.
 */
export function stirlingCorrection(x: number): number {
  if (!(x >= STIRLING_FROM)) return Number.NaN;
  const inverse = 1 / x;
  const square = inverse * inverse;
  let sum = 0;
  for (let index = STIRLING.length - 1; index >= 0; index--) sum = sum * square + (STIRLING[index] ?? 0);
  return sum * inverse;
}

/** ln(1 + u) - u for u > -1, with all digits for small u too, where it is about -u^2 / 2. */
export function logOnePlusMinus(u: number): number {
  if (!(Math.abs(u) < NEAR_ZERO)) return Math.log1p(u) - u;
  // With r = u / (2 + u): ln(1 + u) = 2 (r + r^3/3 + r^5/5 + ...), and u - 2 r = u r.
  const r = u / (2 + u);
  const square = r * r;
  let sum = 0;
  let power = 1;
  for (let odd = 3; power > 1e-17; odd += 2) {
    sum += power / odd;
    power *= square;
  }
  return 2 * r * square * sum - u * r;
}

/** ln Gamma(x) for x > 0: Stirling's series, after the recurrence (NIST DLMF 5.5.1) where x is small. */
export function logGamma(x: number): number {
  if (!(x > 0)) return Number.NaN;
  if (x === Number.POSITIVE_INFINITY) return x;
  let shifted = x;
  let product = 1;
  while (shifted < STIRLING_FROM) {
    product *= shifted;
    shifted += 1;
  }
  const large = (shifted - 0.5) * Math.log(shifted) - shifted + HALF_LOG_TWO_PI + stirlingCorrection(shifted);
  return large - Math.log(product);
}

/**
 * ln B(a, b) = ln Gamma(a) + ln Gamma(b) - ln Gamma(a + b) for a, b > 0 (NIST DLMF 5.12.1), arranged so that large
 * arguments do not cancel each other.
 */
export function logBeta(a: number, b: number): number {
  if (!(a > 0 && b > 0)) return Number.NaN;
  let small = Math.min(a, b);
  let large = Math.max(a, b);
  // B(x, y) = B(x + 1, y) (x + y) / x.
  let shift = 0;
  while (small < STIRLING_FROM) {
    shift += Math.log1p(large / small);
    small += 1;
  }
  while (large < STIRLING_FROM) {
    shift += Math.log1p(small / large);
    large += 1;
  }
  const total = small + large;
  return (
    shift +
    (small - 0.5) * Math.log(small / total) -
    large * Math.log1p(small / large) -
    0.5 * Math.log(large) +
    HALF_LOG_TWO_PI +
    stirlingCorrection(small) +
    stirlingCorrection(large) -
    stirlingCorrection(total)
  );
}

/**
 * ln(x^a (1 - x)^b / B(a, b)) for 0 < x < 1 and a, b > 0: the head of the incomplete beta function. For large a and b it
 * is written as a distance from the mean, whose terms are small where the function is not.
 *
 * @param y is 1 - x, given apart so that a caller who has it exactly loses nothing.
 */
export function logBetaHead(a: number, b: number, x: number, y: number): number {
  if (a < STIRLING_FROM || b < STIRLING_FROM) return a * Math.log(x) + b * Math.log(y) - logBeta(a, b);
  const total = a + b;
  // a u + b v = 0, so only what is left of the logarithms beyond their first terms counts.
  const distance = x * b - y * a;
  const u = distance / a;
  const v = -distance / b;
  return (
    a * logOnePlusMinus(u) +
    b * logOnePlusMinus(v) +
    0.5 * Math.log((a / total) * b) -
    HALF_LOG_TWO_PI +
    stirlingCorrection(total) -
    stirlingCorrection(a) -
    stirlingCorrection(b)
  );
}

/** ln(x^a e^-x / Gamma(a)) for x, a > 0: the head of the incomplete gamma function. */
export function logGammaHead(a: number, x: number): number {
  if (a < STIRLING_FROM) return a * Math.log(x) - x - logGamma(a);
  return a * logOnePlusMinus((x - a) / a) + 0.5 * Math.log(a) - HALF_LOG_TWO_PI - stirlingCorrection(a);
}
