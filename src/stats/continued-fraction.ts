/**
 * Continued fractions, by Lentz's method (Appl. Opt. 15, 1976) as modified by Thompson and Barnett: what the tails of
 * the beta and gamma distributions are made of.
 */

const PRECISION = Number.EPSILON;
const TINY = 1e-300;
/** Terms after which a sum or a fraction is given up: about the square root of the largest argument times some. */
export const MAXIMUM_TERMS = 5_000_000;

/**
 * 1 / (b(0) + a(1) / (b(1) + a(2) / (b(2) + ...))), to the last digit; NaN when it does not come to rest.
 *
 * @param a the numerator of a term, from 1 on.
 * @param b the denominator of a term, from 0 on; not 0 at 0.
 */
export function continuedFraction(a: (term: number) => number, b: (term: number) => number): number {
  let c = 1 / TINY;
  let d = 1 / b(0);
  let value = d;
  for (let term = 1; term <= MAXIMUM_TERMS; term++) {
    const numerator = a(term);
    const denominator = b(term);
    d = 1 / away(numerator * d + denominator);
    c = away(denominator + numerator / c);
    const step = d * c;
    value *= step;
    if (Math.abs(step - 1) <= PRECISION) return value;
  }
  return Number.NaN;
}

/** Lentz's method must never divide by 0. */
function away(value: number): number {
  return Math.abs(value) < TINY ? TINY : value;
}
