/**
 * A mean over requests with bounds that hold at every look at once, where the requests of one user depend on each other:
 * the user groups are the units. With n_g requests of group g, of which the values add up to y_g, N and Y their totals,
 * and values from l to h,
 *
 *     M = (Y + l + h) / (N + 2)
 *     V = (G / (G - 1) sum_g (y_g - M n_g)^2 + (l - M)^2 + (h - M)^2) / N^2
 *
 * and for values that are 0 or 1 at least M (1 - M) / N:
 * the variance of a ratio by linearisation over clusters (Cochran, Sampling Techniques, 1977, section 2.11), with one request
 * of the lowest and one of the highest value that nobody saw (as Agresti and Coull have it for shares, Am. Stat. 52, 1998):
 * values that were all the same so far are no proof that the next ones will be. Bounds are those of a normal mixture around
 * Y / N, see {@link mixtureHalfWidth}; these suppose that N is not small, which is for the caller to see.
 */
import { USER_GROUPS } from "./evidence.ts";
import { LEAST_GROUPS } from "./group-jackknife.ts";
import { mixtureHalfWidth } from "./mixture-bounds.ts";
import { totalOf } from "./total.ts";

/** Requests of each group, and what their values add up to. */
export interface GroupedMean {
  readonly counts: ArrayLike<number>;
  readonly sums: ArrayLike<number>;
  /** `ZeroOne`: each value is 0 or 1. `Correlation`: any number from -1 to 1. */
  readonly values: keyof typeof RANGES;
}

const RANGES = { ZeroOne: [0, 1], Correlation: [-1, 1] } as const;

/** A mean. */
export interface BoundedMean {
  /** Not a number without any request. */
  readonly mean: number;
  /**
   * Infinite while there are too few groups to tell, else what the values can have as their mean. Each is wrong with a
   * probability of at most alpha, over all looks.
   */
  readonly lower: number;
  readonly upper: number;
  readonly count: number;
  /** How many times more uncertain it is than with requests that are independent of each other. */
  readonly dispersion: number;
}

/** The distance from the mean at which bounds are the tightest, as a part of the range of values. */
const SCALE = 0.05;

/** @param alpha the probability that one of the bounds is ever wrong, below 0.5. */
export function boundedMean({ counts, sums, values }: GroupedMean, alpha: number): BoundedMean {
  const [lowest, highest] = RANGES[values];
  const [count, sum] = [totalOf(counts), totalOf(sums)];
  const mean = sum / count;
  const shrunk = (sum + lowest + highest) / (count + 2);
  let squares = 0;
  let groups = 0;
  for (let group = 0; group < USER_GROUPS; group++) {
    const requests = counts[group] ?? Number.NaN;
    if (requests > 0) groups += 1;
    squares += ((sums[group] ?? Number.NaN) - shrunk * requests) ** 2;
  }
  const unseen = (lowest - shrunk) ** 2 + (highest - shrunk) ** 2;
  const clustered = ((USER_GROUPS / (USER_GROUPS - 1)) * squares + unseen) / count ** 2;
  // The most that values of this mean can vary when each is for itself.
  const independent = ((shrunk - lowest) * (highest - shrunk)) / count;
  const variance = values === "ZeroOne" ? Math.max(clustered, independent) : clustered;
  const isTold = groups >= LEAST_GROUPS && Number.isFinite(variance);
  const width = isTold
    ? mixtureHalfWidth(variance, alpha, SCALE * (highest - lowest))
    : Number.POSITIVE_INFINITY;
  return {
    mean,
    lower: isTold ? Math.max(lowest, mean - width) : Number.NEGATIVE_INFINITY,
    upper: isTold ? Math.min(highest, mean + width) : Number.POSITIVE_INFINITY,
    count,
    dispersion: variance / independent,
  };
}
