/**
 * A table of outcomes with weights, from which draws take constant time: Vose's alias method (IEEE Trans. Softw. Eng. 17,
 * 1991).
 */
import type { Chance } from "../../src/stats/testdata/chance.ts";

/** Draws one of many outcomes, each with its own weight, in constant time. */
export class WeightedTable {
  readonly #threshold: Float64Array;
  readonly #alias: Uint32Array;

  /** @param weights of the outcomes, at least one above 0. */
  constructor(weights: Float64Array) {
    const size = weights.length;
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const scaled = Float64Array.from(weights, (weight) => (weight * size) / total);
    this.#threshold = new Float64Array(size).fill(1);
    this.#alias = Uint32Array.from(weights, (_, index) => index);
    const small: number[] = [];
    const large: number[] = [];
    for (const [index, weight] of scaled.entries()) (weight < 1 ? small : large).push(index);
    while (small.length > 0 && large.length > 0) {
      const poor = small.pop() ?? 0;
      const rich = large.pop() ?? 0;
      this.#threshold[poor] = scaled[poor] ?? 0;
      this.#alias[poor] = rich;
      scaled[rich] = (scaled[rich] ?? 0) + (scaled[poor] ?? 0) - 1;
      ((scaled[rich] ?? 0) < 1 ? small : large).push(rich);
    }
    // What is left over by rounding must not give an outcome that has no weight.
    for (const index of small)
      if (weights[index] === 0) this.#alias[index] = large[0] ?? this.#heaviest(weights);
    for (const index of small) if (weights[index] === 0) this.#threshold[index] = 0;
  }

  /** The index of an outcome. */
  draw(chance: Chance): number {
    const place = chance.uniform() * this.#alias.length;
    const index = Math.floor(place);
    return place - index < (this.#threshold[index] ?? 1) ? index : (this.#alias[index] ?? index);
  }

  #heaviest(weights: Float64Array): number {
    return weights.indexOf(Math.max(...weights));
  }
}
