/**
 * How far two lists of scores of the same rows say the same: by their order, by their first row, and by the scores.
 *
 * Rank correlation is Kendall's tau-b (Kendall, Biometrika 33, 1945), in which ties are neither for nor against: with C and
 * D the pairs of rows in the same and in the other order, and n_a and n_b those that are not tied in one list and the other,
 *
 *     tau_b = (C - D) / sqrt(n_a n_b)
 *
 * A list in which all rows are tied says nothing of an order, so it has no correlation with any other.
 */

/** Two lists of finite scores, row by row. */
interface ScorePair {
  readonly one: ArrayLike<number>;
  readonly other: ArrayLike<number>;
}

/**
 * Kendall's tau-b, from -1 to 1; undefined where one of the lists is tied as a whole, as one of a single row is. The time
 * grows with the square of the rows.
 */
export function kendallTau({ one, other }: ScorePair): number | undefined {
  let agreeing = 0;
  let untiedOfOne = 0;
  let untiedOfOther = 0;
  for (let first = 0; first < one.length; first++) {
    for (let second = first + 1; second < one.length; second++) {
      const a = orderOf(one, first, second);
      const b = orderOf(other, first, second);
      agreeing += a * b;
      untiedOfOne += Math.abs(a);
      untiedOfOther += Math.abs(b);
    }
  }
  if (untiedOfOne === 0 || untiedOfOther === 0) return undefined;
  return agreeing / Math.sqrt(untiedOfOne * untiedOfOther);
}

/** Whether all rows have the same score, so that there is no order. */
export function isTied(scores: ArrayLike<number>): boolean {
  for (let row = 1; row < scores.length; row++) if (scores[row] !== scores[0]) return false;
  return true;
}

/** Whether all rows are in the same order. Rows that are tied in one list have to be so in the other. */
export function isSameOrder({ one, other }: ScorePair): boolean {
  for (let first = 0; first < one.length; first++) {
    for (let second = first + 1; second < one.length; second++) {
      if (orderOf(one, first, second) !== orderOf(other, first, second)) return false;
    }
  }
  return true;
}

/** Whether the highest score is of the same row. Of rows that share it, one in common is enough. */
export function isSameBest({ one, other }: ScorePair): boolean {
  const [best, otherBest] = [highest(one), highest(other)];
  for (let row = 0; row < one.length; row++) {
    if (one[row] === best && other[row] === otherBest) return true;
  }
  return false;
}

/** The largest difference between the scores of a row; 0 without any row. */
export function largestDifference({ one, other }: ScorePair): number {
  let largest = 0;
  for (let row = 0; row < one.length; row++) {
    largest = Math.max(largest, Math.abs((one[row] ?? Number.NaN) - (other[row] ?? Number.NaN)));
  }
  return largest;
}

function orderOf(scores: ArrayLike<number>, first: number, second: number): number {
  return Math.sign((scores[first] ?? 0) - (scores[second] ?? 0));
}

function highest(scores: ArrayLike<number>): number {
  let best = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < scores.length; row++) best = Math.max(best, scores[row] ?? best);
  return best;
}
