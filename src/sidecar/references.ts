/**
 * What each column was distributed like when all was well: read from a file, the same for all revisions and replicas,
 * or learned from the first values of each revision, for this process alone.
 *
 * Learning takes a fixed room for each column and gives it back when it is done.
 */
import { type ReferenceDistribution, referenceOf } from "../stats/reference-distribution.ts";

/** The first values of one column. */
class FirstValues {
  readonly #values: Float64Array;
  #count = 0;
  #missing = 0;

  constructor(count: number) {
    this.#values = new Float64Array(count);
  }

  /** Takes a value, and gives the reference once there are enough. */
  add(value: number): ReferenceDistribution | undefined {
    if (Number.isNaN(value)) this.#missing++;
    else if (Number.isFinite(value)) this.#values[this.#count++] = value;
    if (this.#count < this.#values.length) return undefined;
    const { missing, ...reference } = referenceOf(this.#values);
    return { ...reference, missing: missing + this.#missing };
  }
}

/** References of one revision's columns. */
export class References {
  readonly #columns: (ReferenceDistribution | FirstValues | undefined)[];

  /** Of each column its reference, or how many values it is learned from, or undefined for none. */
  constructor(columns: readonly (ReferenceDistribution | number | undefined)[]) {
    this.#columns = columns.map((column) => (typeof column === "number" ? new FirstValues(column) : column));
  }

  /** The reference of a column, which learns from the value while there is none. */
  referenceFor(column: number, value: number): ReferenceDistribution | undefined {
    const known = this.#columns[column];
    if (!(known instanceof FirstValues)) return known;
    this.#columns[column] = known.add(value) ?? known;
    // The value that completed it is a part of it.
    return undefined;
  }
}
