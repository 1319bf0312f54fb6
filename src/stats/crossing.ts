/**
 * Where a condition stops to hold, by halving: for thresholds and quantiles of which only the other direction has a
 * formula.
 */

/** Beyond so many halvings two doubles have nothing between them. */
const HALVINGS = 64;

/** The point up to which a condition holds, from `low`, where it does or would, to `high`, where it does not. */
export function crossing(low: number, high: number, holds: (value: number) => boolean): number {
  let [from, to] = [low, high];
  for (let halving = 0; halving < HALVINGS; halving++) {
    const middle = (from + to) / 2;
    if (holds(middle)) from = middle;
    else to = middle;
  }
  return (from + to) / 2;
}
