/**
 * Bins for scores, so that a distribution of them is a fixed number of counts, and a score fits in one byte.
 *
 * Bins of probabilities are equally wide on the logit scale: rates of a few in a thousand are told apart as well as those
 * near a half. Bins are the same everywhere, so counts of any two replicas add.
 */

/** A way to put scores into bins, by ascending score. */
export interface ScoreBins {
  readonly count: number;
  /** The bin of a score, from 0 to `count` - 1. A score outside all edges is in the first or the last. */
  binOf(score: number): number;
}

/** Bins of probabilities, of which the middle is known. */
export interface ProbabilityBins extends ScoreBins {
  /** The probability in the middle of a bin, for a score of which only the bin was kept. */
  middleOf(bin: number): number;
}

/** Where bins begin and end on the logit scale: at probabilities of 17 in a million, and of all but 123 in a million. */
const [MINIMUM_LOGIT, MAXIMUM_LOGIT] = [-11, 9];

/** So many bins of probabilities. Those of 250 fit in a byte. */
export function probabilityBins(count: number): ProbabilityBins {
  const binsPerLogit = count / (MAXIMUM_LOGIT - MINIMUM_LOGIT);
  return {
    count,
    binOf(score) {
      const logit = Math.log(score) - Math.log1p(-score);
      const bin = Math.floor((logit - MINIMUM_LOGIT) * binsPerLogit);
      return Math.min(Math.max(bin, 0), count - 1);
    },
    middleOf: (bin) => 1 / (1 + Math.exp(-((bin + 0.5) / binsPerLogit + MINIMUM_LOGIT))),
  };
}

/** The bins in which scores that are probabilities are counted. */
export const PROBABILITY_SCORE_BINS = probabilityBins(500);

/**
 * Bins between given edges, such as quantiles of a revision's scores: below the first, from each to the next, and from
 * the last on.
 *
 * @throws RangeError when the edges do not ascend.
 */
export function scoreBinsBetween(edges: readonly number[]): ScoreBins {
  const descending = edges.findIndex(
    (edge, index) => !(edge > (edges[index - 1] ?? Number.NEGATIVE_INFINITY)),
  );
  if (descending >= 0) {
    throw new RangeError(
      `edges of bins: expected ascending numbers, got ${edges[descending]} as number ${descending + 1}`,
    );
  }
  const ascending = Float64Array.from(edges);
  return { count: ascending.length + 1, binOf: (score) => edgesUpTo(ascending, score) };
}

/** How many of the ascending edges are at most the value. */
export function edgesUpTo(edges: Float64Array, value: number): number {
  let [low, high] = [0, edges.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((edges[middle] ?? 0) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The chance that a positive's score is above a negative's, scores of one bin counting half: the area under the ROC
 * curve. Both arrays count scores by bin. `undefined` without positives or negatives.
 */
export function areaUnderCurve(positives: Float64Array, negatives: Float64Array): number | undefined {
  let [below, area, positiveCount] = [0, 0, 0];
  for (const [bin, positive] of positives.entries()) {
    const negative = negatives[bin] ?? 0;
    area += positive * (below + negative / 2);
    below += negative;
    positiveCount += positive;
  }
  return positiveCount > 0 && below > 0 ? area / (positiveCount * below) : undefined;
}
