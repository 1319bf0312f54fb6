/**
 * Windows without drift, drawn by the exact distribution of their counts, which is the same for all continuous values:
 * Dirichlet over the gaps of the reference's sample, then multinomial.
 */
import type { Chance } from "./chance.ts";

/** The counts of a window without drift, in bins that are made of so many gaps of the sample. */
export function drawCounts(random: Chance, spacings: Float64Array, count: number): Float64Array {
  const chances = spacings.map((gaps) => random.gamma(gaps));
  let [rest, left] = [chances.reduce((sum, one) => sum + one, 0), count];
  return chances.map((own, bin) => {
    const hits = bin === chances.length - 1 ? left : random.binomial(left, Math.min(1, own / rest));
    rest -= own;
    left -= hits;
    return hits;
  });
}
