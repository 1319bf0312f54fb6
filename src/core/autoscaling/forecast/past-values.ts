/**
 * The last values of a run, asked for by how long ago they were.
 */

/** At most so many values. */
export class PastValues {
  readonly #values: Float64Array;
  #count = 0;

  constructor(room: number) {
    this.#values = new Float64Array(room);
  }

  /** Values that were shown, those that are forgotten included. */
  get count(): number {
    return this.#count;
  }

  /** Takes the newest; the oldest goes when there is no room. */
  add(value: number): void {
    this.#values[this.#count % this.#values.length] = value;
    this.#count++;
  }

  /** The one of so many slots ago, 0 for the newest; undefined for one that is not known, not there yet or forgotten. */
  ago(slots: number): number | undefined {
    if (slots < 0 || slots >= Math.min(this.#count, this.#values.length)) return undefined;
    const value = this.#values[(this.#count - 1 - slots) % this.#values.length];
    return value === undefined || Number.isNaN(value) ? undefined : value;
  }
}
