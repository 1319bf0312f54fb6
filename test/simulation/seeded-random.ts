/**
 * Chance that repeats: every choice of a simulation comes from here, so that a seed stands for the whole run.
 *
 * Each part of the world draws from a stream of its own ({@link SeededRandom.fork}): a change in what one part
 * draws leaves the others' choices as they were. Generator: mulberry32 (32 bits of state; not for secrets).
 */

/** A stream of choices. */
export class SeededRandom {
  #state: number;

  /** Equal seeds give equal streams. */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1), as `Math.random`. Bound, so that it can be handed on. */
  readonly next = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** A whole number, both ends included. */
  integer(minimum: number, maximum: number): number {
    return minimum + Math.floor(this.next() * (maximum - minimum + 1));
  }

  /** One of the items; undefined when there is none. */
  pick<Item>(items: readonly Item[]): Item | undefined {
    return items[Math.floor(this.next() * items.length)];
  }

  /** One of the items, each with its own weight. Throws when there is none. */
  weighted<Item>(items: readonly (readonly [weight: number, item: Item])[]): Item {
    let rest = this.next() * items.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, item] of items) {
      rest -= weight;
      if (rest < 0) return item;
    }
    throw new Error("expected at least one item of positive weight, got none");
  }

  /** A stream of its own for a part of the world. Draws nothing from this one. */
  fork(name: string): SeededRandom {
    let hash = this.#state ^ 0x9e3779b9;
    for (let index = 0; index < name.length; index++) {
      hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
    }
    return new SeededRandom(hash ^ (hash >>> 15));
  }
}
