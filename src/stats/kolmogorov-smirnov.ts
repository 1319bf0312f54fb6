/**
 * The two-sample test of Kolmogorov and Smirnov: the largest distance between two distribution functions, and how likely
 * one as large is without a difference. Exact for small samples, and for counts in bins of a reference.
 */
import { totalOf } from "./total.ts";

/** A distance and what it is worth. */
export interface KolmogorovSmirnov {
  readonly statistic: number;
  /** Chance of a distance at least as large without a difference. */
  readonly pValue: number;
}

/** Products of sample sizes up to which paths are counted. */
const EXACT_UP_TO = 1_000_000;
/** Mean overshoot of a normal walk over a boundary, in steps: -zeta(1/2) / sqrt(2 pi) (Siegmund 1985). */
const OVERSHOOT = 0.5825971579390107;

/** Compares two samples. Equal values are passed together. NaN where one is empty. */
export function twoSampleTest(first: readonly number[], second: readonly number[]): KolmogorovSmirnov {
  const [x, y] = [Float64Array.from(first).sort(), Float64Array.from(second).sort()];
  const [n, m] = [x.length, y.length];
  if (n === 0 || m === 0) return { statistic: Number.NaN, pValue: Number.NaN };
  let [i, j, largest] = [0, 0, 0];
  while (i < n && j < m) {
    const value = Math.min(x[i] ?? 0, y[j] ?? 0);
    while (i < n && x[i] === value) i++;
    while (j < m && y[j] === value) j++;
    // In whole numbers: a distance must not differ from itself by rounding.
    largest = Math.max(largest, Math.abs(i * m - j * n));
  }
  const statistic = largest / (n * m);
  const pValue =
    n * m <= EXACT_UP_TO ? pathChance(n, m, largest) : tail(Math.sqrt((n * m) / (n + m)) * statistic);
  return { statistic, pValue };
}

/**
 * Chance that a random path from (0, 0) to (n, m) somewhere has |i m - j n| of at least `distance`: all orders of two
 * samples are equally likely.
 */
function pathChance(n: number, m: number, distance: number): number {
  if (distance === 0) return 1;
  // Of the paths to (i, j), the share that stayed inside.
  const inside = new Float64Array(m + 1);
  for (let i = 0; i <= n; i++) {
    for (let j = 0; j <= m; j++) {
      if (Math.abs(i * m - j * n) >= distance) inside[j] = 0;
      else if (i === 0 && j === 0) inside[j] = 1;
      else {
        const [fromBelow, fromLeft] = [i === 0 ? 0 : (inside[j] ?? 0), j === 0 ? 0 : (inside[j - 1] ?? 0)];
        inside[j] = (i * fromBelow + j * fromLeft) / (i + j);
      }
    }
  }
  return 1 - (inside[m] ?? 0);
}

/**
 * Compares the counts of a window with those of the reference whose quantiles the bins are. The distance is looked at
 * between bins only, which is allowed for in the chance.
 */
export function binnedTest(reference: Float64Array, window: Float64Array): KolmogorovSmirnov {
  const [size, count] = [totalOf(reference), totalOf(window)];
  if (size === 0 || count === 0) return { statistic: Number.NaN, pValue: Number.NaN };
  let [expected, came, statistic, squares] = [0, 0, 0, 0];
  for (const [bin, inReference] of reference.entries()) {
    expected += inReference / size;
    came += (window[bin] ?? 0) / count;
    squares += (inReference / size) ** 2;
    statistic = Math.max(statistic, Math.abs(came - expected));
  }
  const units = Math.sqrt((size * count) / (size + count));
  return { statistic, pValue: tail(units * statistic + OVERSHOOT * Math.sqrt(squares)) };
}

/** Chance that the largest distance of a Brownian bridge from 0 is at least x (Kolmogorov 1933). */
function tail(x: number): number {
  if (x < 0.2) return 1;
  let [chance, sign] = [0, 1];
  for (let k = 1; k <= 100; k++) {
    const term = Math.exp(-2 * k * k * x * x);
    chance += sign * term;
    sign = -sign;
    if (term < 1e-17) break;
  }
  return Math.min(1, 2 * chance);
}
