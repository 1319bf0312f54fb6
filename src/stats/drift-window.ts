/**
 * What came in a window of time, counted in the bins of a reference: a fixed number of sums that add over replicas and
 * times, 3 KiB for each score or feature.
 *
 * Of each request one random row is counted, and of each user one request an hour: the rows of a request are alike, and
 * the alarm rates of drift hold for values that are independent of each other.
 */
import type { ReferenceDistribution } from "./reference-distribution.ts";
import { edgesUpTo } from "./score-bins.ts";

/** Counts of a window. All of them add. */
export interface DriftWindow {
  /** Values in each bin of the reference. */
  readonly counts: Float64Array;
  /** Sum of the values in each bin. */
  readonly sums: Float64Array;
  /** Values that were missing, values that were infinite, values below and above all of the reference. */
  readonly odd: Float64Array;
}

/** Places in `odd`. */
export const ODD = { missing: 0, infinite: 1, below: 2, above: 3 } as const;

/** A window in which nothing was counted. */
export function emptyWindow({ counts }: ReferenceDistribution): DriftWindow {
  return {
    counts: new Float64Array(counts.length),
    sums: new Float64Array(counts.length),
    odd: new Float64Array(Object.keys(ODD).length),
  };
}

/** Counts one value. `undefined`, null and NaN are missing; they and infinite ones are in no bin. */
export function countValue(
  { counts, sums, odd }: DriftWindow,
  { edges, minimum, maximum }: ReferenceDistribution,
  value: number | null | undefined,
): void {
  if (value === null || value === undefined || Number.isNaN(value)) {
    increment(odd, ODD.missing);
    return;
  }
  if (!Number.isFinite(value)) {
    increment(odd, ODD.infinite);
    return;
  }
  if (value < minimum) increment(odd, ODD.below);
  else if (value > maximum) increment(odd, ODD.above);
  const bin = edgesUpTo(edges, value);
  increment(counts, bin);
  sums[bin] = (sums[bin] ?? 0) + value;
}

function increment(counts: Float64Array, index: number): void {
  counts[index] = (counts[index] ?? 0) + 1;
}
