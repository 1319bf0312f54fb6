/**
 * How far two distributions are from each other, in numbers that describe and do not judge.
 */
import { totalOf } from "./total.ts";

/**
 * Jensen-Shannon distance, the square root of the divergence, of two lists of weights over the same bins; in nats, or by
 * the logarithm to another base. NaN where one has no weight.
 */
export function jensenShannonDistance(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  base = Math.E,
): number {
  const [n, m] = [totalOf(first), totalOf(second)];
  let divergence = 0;
  for (let bin = 0; bin < first.length; bin++) {
    const [p, q] = [(first[bin] ?? 0) / n, (second[bin] ?? 0) / m];
    const middle = (p + q) / 2;
    divergence += p === 0 ? 0 : (p * Math.log(p / middle)) / 2;
    divergence += q === 0 ? 0 : (q * Math.log(q / middle)) / 2;
  }
  return Math.sqrt(Math.max(0, divergence) / Math.log(base));
}

/** A value and how much of it there is. */
export interface WeightedValue {
  readonly value: number;
  readonly weight: number;
}

/**
 * Wasserstein-1 distance: how far weight has to be carried on average to turn one distribution into the other, in the
 * unit of the values. NaN where one has no weight.
 */
export function wassersteinDistance(
  first: readonly WeightedValue[],
  second: readonly WeightedValue[],
): number {
  const [n, m] = [first, second].map((side) => side.reduce((sum, { weight }) => sum + weight, 0));
  if (!n || !m) return Number.NaN;
  const steps = [
    ...first.map(({ value, weight }) => ({ value, change: weight / n })),
    ...second.map(({ value, weight }) => ({ value, change: -weight / m })),
  ].sort((a, b) => a.value - b.value);
  let [distance, ahead] = [0, 0];
  for (const [index, { value, change }] of steps.entries()) {
    ahead += change;
    distance += Math.abs(ahead) * ((steps[index + 1]?.value ?? value) - value);
  }
  return distance;
}
