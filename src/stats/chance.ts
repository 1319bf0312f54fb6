/**
 * Fast chance that repeats: a seed stands for all draws of a test, a campaign or a simulation.
 *
 * Generator: xoshiro128** (Blackman and Vigna, ACM Trans. Math. Softw. 47, 2021), its state filled by splitmix32.
 * Normals by Box and Muller, gammas by Marsaglia and Tsang (ACM Trans. Math. Softw. 26, 2000), binomials by Hörmann
 * (J. Stat. Comput. Simul. 46, 1993). Not for secrets.
 */
import { logGamma } from "./log-gamma.ts";

/** Bound once: in a test's own global object each look-up of `Math` is as dear as a draw. */
const { cos, exp, floor, imul, log, log1p, sqrt } = Math;
/** Mean below which binomials are counted up one by one. */
const FEW = 10;

/** A stream of draws. */
export class Chance {
  #a = 0;
  #b = 0;
  #c = 0;
  #d = 0;

  /** Equal seeds give equal streams. */
  constructor(seed: number) {
    let state = seed >>> 0;
    const next = () => {
      state = (state + 0x9e3779b9) >>> 0;
      let mixed = imul(state ^ (state >>> 16), 0x21f0aaad);
      mixed = imul(mixed ^ (mixed >>> 15), 0x735a2d97);
      return mixed ^ (mixed >>> 15);
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next();
  }

  /** 32 random bits, from 0 on. */
  bits(): number {
    const scrambled = imul(this.#b, 5);
    const result = imul((scrambled << 7) | (scrambled >>> 25), 9);
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result >>> 0;
  }

  /** Uniform in (0, 1). */
  uniform(): number {
    return (this.bits() + 0.5) / 0x1_0000_0000;
  }

  /** Standard normal. */
  normal(): number {
    return sqrt(-2 * log(this.uniform())) * cos(2 * Math.PI * this.uniform());
  }

  /** Gamma with this shape, at least 1, and scale 1. */
  gamma(shape: number): number {
    const d = shape - 1 / 3;
    const c = 1 / sqrt(9 * d);
    for (;;) {
      const x = this.normal();
      const v = (1 + c * x) ** 3;
      if (v > 0 && log(this.uniform()) < (x * x) / 2 + d - d * v + d * log(v)) return d * v;
    }
  }

  /** Beta with these shapes, each at least 1. */
  beta(a: number, b: number): number {
    const x = this.gamma(a);
    return x / (x + this.gamma(b));
  }

  /** How many of so many trials succeed. */
  binomial(trials: number, probability: number): number {
    if (probability > 0.5) return trials - this.binomial(trials, 1 - probability);
    return trials * probability < FEW ? this.#fewOf(trials, probability) : this.#manyOf(trials, probability);
  }

  /** By inversion, from 0 successes on. */
  #fewOf(trials: number, probability: number): number {
    const odds = probability / (1 - probability);
    let left = this.uniform();
    let weight = exp(trials * log1p(-probability));
    let successes = 0;
    while (left > weight && successes < trials) {
      left -= weight;
      weight *= ((trials - successes) / (successes + 1)) * odds;
      successes++;
    }
    return successes;
  }

  /** Hörmann's transformed rejection with a squeeze, BTRS; its constants are his. */
  #manyOf(trials: number, probability: number): number {
    const deviation = sqrt(trials * probability * (1 - probability));
    const b = 1.15 + 2.53 * deviation;
    const a = -0.0873 + 0.0248 * b + 0.01 * probability;
    const logOdds = log(probability / (1 - probability));
    const mode = floor((trials + 1) * probability);
    for (;;) {
      const u = this.uniform() - 0.5;
      const v = this.uniform();
      const edge = 0.5 - Math.abs(u);
      const successes = floor(((2 * a) / edge + b) * u + trials * probability + 0.5);
      if (edge >= 0.07 && v <= 0.92 - 4.2 / b) return successes;
      if (successes < 0 || successes > trials) continue;
      const height = log((v * (2.83 + 5.1 / b) * deviation) / (a / edge ** 2 + b));
      const density =
        logGamma(mode + 1) +
        logGamma(trials - mode + 1) -
        logGamma(successes + 1) -
        logGamma(trials - successes + 1) +
        (successes - mode) * logOdds;
      if (height <= density) return successes;
    }
  }
}
