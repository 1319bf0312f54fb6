/**
 * What a score or a feature was distributed like when all was well: edges of bins that each held the same share of a
 * random sample, and what the sample had in them.
 *
 * Everything that is compared later is counted in these bins, so that a feature costs some kilobytes however many values
 * come. The sample must have one random row of each request: rows of one request are alike, and would count as more
 * evidence than they are.
 */
import { edgesUpTo } from "./score-bins.ts";

/** Most bins that values are counted in. */
const FINE_BINS = 200;
/** Bins of the population stability index: tenths of the reference. */
const COARSE_BINS = 10;
/** Fewest values of a reference: below, its tenths say little. */
const MINIMUM_REFERENCE = 100;

/** A reference. All arrays but `edges` and `coarseSpacings` have an element for each fine bin. */
export interface ReferenceDistribution {
  /** Where each bin but the first begins, ascending. */
  readonly edges: Float64Array;
  readonly counts: Float64Array;
  /** Mean of the sample's values in the bin. */
  readonly means: Float64Array;
  /** The coarse bin that the fine bin is a part of. */
  readonly coarseOf: Uint8Array;
  /**
   * Gaps between neighbours in the sorted sample that make up each coarse bin, outside the ends included: the chance of a
   * coming value to fall into a bin is Dirichlet distributed by them, whatever the values are distributed like.
   */
  readonly coarseSpacings: Float64Array;
  /** Values that are numbers. */
  readonly size: number;
  /** Values that were missing, beside `size`. */
  readonly missing: number;
  readonly minimum: number;
  readonly maximum: number;
}

/**
 * Learns a reference from a random sample; `undefined`, null and NaN stand for missing values.
 *
 * @throws RangeError for an infinite value, or fewer than {@link MINIMUM_REFERENCE} numbers.
 */
export function referenceOf(sample: Iterable<number | null | undefined>): ReferenceDistribution {
  const numbers: number[] = [];
  let missing = 0;
  for (const value of sample) {
    if (value === null || value === undefined || Number.isNaN(value)) missing++;
    else if (Number.isFinite(value)) numbers.push(value);
    else throw new RangeError(`reference: expected finite numbers, got ${value}`);
  }
  if (numbers.length < MINIMUM_REFERENCE) {
    throw new RangeError(`reference: expected at least ${MINIMUM_REFERENCE} numbers, got ${numbers.length}`);
  }
  const sorted = Float64Array.from(numbers).sort();
  const size = sorted.length;
  const edges = quantileEdges(sorted);
  const bins = edges.length + 1;
  const counts = new Float64Array(bins);
  const means = new Float64Array(bins);
  for (const value of sorted) {
    const bin = edgesUpTo(edges, value);
    counts[bin] = (counts[bin] ?? 0) + 1;
    means[bin] = (means[bin] ?? 0) + value;
  }
  for (let bin = 0; bin < bins; bin++) means[bin] = (means[bin] ?? 0) / Math.max(1, counts[bin] ?? 0);
  const coarseOf = tenthsOf(counts, size);
  const coarseSpacings = new Float64Array((coarseOf.at(-1) ?? 0) + 1);
  // An edge is a value of the sample, and belongs to the bin above it: the first bin has one gap more than values.
  coarseSpacings[0] = 1;
  for (const [bin, coarse] of coarseOf.entries()) {
    coarseSpacings[coarse] = (coarseSpacings[coarse] ?? 0) + (counts[bin] ?? 0);
  }
  const [minimum = Number.NaN, maximum = Number.NaN] = [sorted[0], sorted.at(-1)];
  return { edges, counts, means, coarseOf, coarseSpacings, size, missing, minimum, maximum };
}

/** The sample's values in each coarse bin: one less than gaps in the first, as many in the others. */
export function coarseCountsOf({ coarseSpacings }: ReferenceDistribution): Float64Array {
  const counts = Float64Array.from(coarseSpacings);
  counts[0] = (counts[0] ?? Number.NaN) - 1;
  return counts;
}

/** Values of the sorted sample that part it into equal shares. Equal values stay together. */
function quantileEdges(sorted: Float64Array): Float64Array {
  // At least ten values for each bin, and whole tenths.
  const tenths = Math.max(
    1,
    Math.min(FINE_BINS / COARSE_BINS, Math.floor(sorted.length / (10 * COARSE_BINS))),
  );
  const bins = tenths * COARSE_BINS;
  const edges: number[] = [];
  for (let bin = 1; bin < bins; bin++) {
    const edge = sorted[Math.round((bin * sorted.length) / bins)] ?? Number.NaN;
    if (edge > (edges.at(-1) ?? sorted[0] ?? Number.NaN)) edges.push(edge);
  }
  return Float64Array.from(edges);
}

/** Joins neighbouring bins to tenths of the sample; to fewer where one value is more than a tenth. */
function tenthsOf(counts: Float64Array, size: number): Uint8Array {
  const coarseOf = new Uint8Array(counts.length);
  let [coarse, before] = [0, 0];
  for (const [bin, count] of counts.entries()) {
    // A bin whose beginning is nearer to the end of the tenth than a rounding error of one value begins the next.
    if (bin > 0 && before > 0.5 && before + 0.5 >= size / COARSE_BINS) {
      coarse++;
      before = 0;
    }
    coarseOf[bin] = coarse;
    before += count;
  }
  return coarseOf;
}
