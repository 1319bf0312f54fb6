/**
 * The last numbers of a series, so that what is remembered of it is bounded.
 */

/** At most so many numbers: the oldest goes when one comes. */
export class Ring {
  readonly #room: number;
  #numbers: number[];

  /** `kept` is what {@link Ring.numbers} gave before. */
  constructor(room: number, kept: readonly number[]) {
    this.#room = room;
    this.#numbers = kept.slice(-room);
  }

  /** From the oldest to the newest. */
  get numbers(): readonly number[] {
    return this.#numbers;
  }

  /** Adds the newest. */
  push(value: number): void {
    this.#numbers.push(value);
    if (this.#numbers.length > this.#room) this.#numbers.shift();
  }

  /** Forgets all. */
  clear(): void {
    this.#numbers = [];
  }
}
