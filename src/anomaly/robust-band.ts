/**
 * How unusual a value is beside others, by median and median absolute deviation: a few outliers among the others do not
 * hide the next one. Where a series mostly rests and sometimes moves, the deviation alone would call every move unusual;
 * so the range of nine tenths of the values counts too.
 */

/** What makes a median absolute deviation an estimate of the standard deviation of normal values. */
const NORMAL_SCALE = 1.482602218505602;
/** Standard deviations of normal values from the 5th to the 95th percentile. */
const NORMAL_RANGE = 3.2897072539029435;

/** Centre and width of a set of values. */
export interface RobustBand {
  readonly centre: number;
  /** As a standard deviation. Never below a millionth of the centre: a series that stood still has no width. */
  readonly width: number;
}

/** The band of some finite values; `undefined` without any. */
export function robustBand(values: ArrayLike<number>): RobustBand | undefined {
  if (values.length === 0) return undefined;
  const sorted = Float64Array.from(values).sort();
  const centre = medianOfSorted(sorted);
  const deviation = NORMAL_SCALE * medianOfSorted(sorted.map((value) => Math.abs(value - centre)).sort());
  const last = sorted.length - 1;
  const [low = centre, high = centre] = [sorted[Math.ceil(0.05 * last)], sorted[Math.floor(0.95 * last)]];
  const range = (high - low) / NORMAL_RANGE;
  return { centre, width: Math.max(deviation, range, 1e-6 * Math.abs(centre), Number.MIN_VALUE) };
}

function medianOfSorted(sorted: Float64Array): number {
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
