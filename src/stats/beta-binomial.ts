/**
 * The beta-binomial distribution: how many of the coming values fall into a bin, when all that is known of the bin's
 * chance is a sample.
 */

/** Weights below this share of the largest no longer change a sum. */
const NEGLIGIBLE = 1e-20;

/**
 * Mean of `value` over the number of hits among `count`, where the chance of a hit is beta(a, b) distributed. Sums all
 * that has weight: about 20 standard deviations of terms.
 */
export function betaBinomialMean(
  count: number,
  a: number,
  b: number,
  value: (hits: number) => number,
): number {
  // Relative to a likely number of hits, so that the start is 1 and nothing overflows.
  const start = Math.min(count, Math.max(0, Math.round((count * a) / (a + b))));
  let [weights, sum, heaviest] = [1, value(start), 1];
  for (let hits = start, weight = 1; hits < count && weight > heaviest * NEGLIGIBLE; hits++) {
    weight *= ((count - hits) * (a + hits)) / ((hits + 1) * (b + count - hits - 1));
    heaviest = Math.max(heaviest, weight);
    weights += weight;
    sum += weight * value(hits + 1);
  }
  for (let hits = start, weight = 1; hits > 0 && weight > heaviest * NEGLIGIBLE; hits--) {
    weight *= (hits * (b + count - hits)) / ((count - hits + 1) * (a + hits - 1));
    heaviest = Math.max(heaviest, weight);
    weights += weight;
    sum += weight * value(hits - 1);
  }
  return sum / weights;
}

/** Chance of at least so many hits. */
export function betaBinomialTail(hits: number, count: number, a: number, b: number): number {
  return Math.min(
    1,
    betaBinomialMean(count, a, b, (came) => (came >= hits ? 1 : 0)),
  );
}
