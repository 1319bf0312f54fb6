/**
 * What the values of one column were: counts and sums that add over replicas and times, as many however many values
 * come.
 */
import type { ObservedColumn } from "../tap/observed-settings.ts";

/** What a value was counted as; those `below` and `above` the range of the settings are numbers, too. */
export const VALUE_KINDS = ["number", "missing", "infinite", "below", "above"] as const;

/** Sums of one column. */
export class ColumnSums {
  readonly column: ObservedColumn;
  /** Numbers up to each edge that are above the one before, and those above all. */
  readonly buckets: Float64Array;
  readonly #edges: Float64Array;
  number = 0;
  missing = 0;
  infinite = 0;
  below = 0;
  above = 0;
  /** Of the numbers. */
  sum = 0;
  squares = 0;

  constructor(column: ObservedColumn) {
    this.column = column;
    this.#edges = Float64Array.from(column.edges);
    this.buckets = new Float64Array(column.edges.length + 1);
  }

  /** Counts one value; NaN is one that was missing. */
  add(value: number): void {
    if (!Number.isFinite(value)) {
      if (Number.isNaN(value)) this.missing++;
      else this.infinite++;
      return;
    }
    this.number++;
    this.sum += value;
    this.squares += value * value;
    if (value < this.column.minimum) this.below++;
    else if (value > this.column.maximum) this.above++;
    const bucket = bucketOf(this.#edges, value);
    this.buckets[bucket] = (this.buckets[bucket] ?? 0) + 1;
  }
}

/** The first bucket whose edge is at least the value, as Prometheus has it. */
export function bucketOf(edges: Float64Array, value: number): number {
  let [low, high] = [0, edges.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((edges[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
