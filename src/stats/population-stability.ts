/**
 * The population stability index (PSI) of a window against a reference, and how likely it is without any drift.
 *
 * PSI is large by chance where few values came: the usual limits of 0.1 and 0.2 then fire on nothing, and never fire on
 * many. So an alarm is told by the distribution that PSI has without drift, at the number of values that there are:
 * chi-square with one degree of freedom less than bins (Yurdakul 2018), at the mean that PSI has then exactly.
 */
import { betaBinomialMean } from "./beta-binomial.ts";
import { crossing } from "./crossing.ts";
import { chiSquareTail } from "./incomplete-gamma.ts";
import { coarseCountsOf, type ReferenceDistribution } from "./reference-distribution.ts";
import { totalOf } from "./total.ts";

/** Up to so many values the mean without drift is summed exactly; from there on its series is as good. */
const EXACT_UP_TO = 20_000;

/** A PSI and what it is worth. */
export interface Stability {
  readonly index: number;
  /** Chance of an index at least as large without drift. */
  readonly pValue: number;
  /** The index that would have had the asked chance. */
  readonly threshold: number;
}

/**
 * Sum over bins of (q - p) ln(q / p), where p and q are the shares of two counts. Each bin of both counts one value more
 * than it has, so that no logarithm is infinite; with that, chi-square holds down to a hundred values.
 */
export function stabilityIndex(reference: ArrayLike<number>, window: ArrayLike<number>): number {
  const [size, count] = [totalOf(reference), totalOf(window)];
  let index = 0;
  for (let bin = 0; bin < reference.length; bin++) {
    index += contribution(
      share(reference[bin] ?? 0, size, reference.length),
      share(window[bin] ?? 0, count, reference.length),
    );
  }
  return index;
}

function share(hits: number, count: number, bins: number): number {
  return (hits + 1) / (count + bins);
}

function contribution(p: number, q: number): number {
  return (q - p) * Math.log(q / p);
}

/**
 * Compares the coarse counts of a window with the reference; `undefined` where there is no value, or one bin only.
 * `chance` is that of an alarm without drift.
 */
export function stabilityOf(
  reference: ReferenceDistribution,
  coarse: ArrayLike<number>,
  chance: number,
): Stability | undefined {
  const { coarseSpacings, size } = reference;
  const count = totalOf(coarse);
  const degrees = coarseSpacings.length - 1;
  if (count === 0 || degrees < 1) return undefined;
  const inReference = coarseCountsOf(reference);
  const index = stabilityIndex(inReference, coarse);
  const mean = meanWithoutDrift(inReference, coarseSpacings, size, count);
  return {
    index,
    pValue: chiSquareTail((index * degrees) / mean, degrees),
    threshold: (chiSquareQuantile(chance, degrees) * mean) / degrees,
  };
}

/** Mean of the index without drift: each bin's count is then beta-binomial, its chance spread by the sample. */
function meanWithoutDrift(
  inReference: Float64Array,
  coarseSpacings: Float64Array,
  size: number,
  count: number,
): number {
  const bins = coarseSpacings.length;
  let mean = 0;
  for (const [bin, spacings] of coarseSpacings.entries()) {
    const p = share(inReference[bin] ?? 0, size, bins);
    const rest = size + 1 - spacings;
    mean +=
      count > EXACT_UP_TO
        ? seriesOfMean(p, spacings, rest, count, bins)
        : betaBinomialMean(count, spacings, rest, (hits) => contribution(p, share(hits, count, bins)));
  }
  return mean;
}

/** Taylor series of a bin's contribution around p to the fourth order, over the moments of a beta-binomial share. */
function seriesOfMean(p: number, spacings: number, rest: number, count: number, bins: number): number {
  const all = spacings + rest;
  const mean = spacings / all;
  const variance =
    ((mean * (1 - mean) * (all + count)) / (count * (all + 1))) * (count / (count + bins)) ** 2;
  const skewness =
    ((all + 2 * count) * (1 - 2 * mean) * Math.sqrt(1 + all)) /
    ((all + 2) * Math.sqrt(count * mean * (1 - mean) * (all + count)));
  const shift = (count * mean + 1) / (count + bins) - p;
  const second = variance + shift ** 2;
  const third = skewness * variance ** 1.5 + 3 * shift * variance;
  return second / p - third / (2 * p ** 2) + variance ** 2 / p ** 3;
}

/** The chi-square that is exceeded with this chance. */
function chiSquareQuantile(chance: number, degrees: number): number {
  let high = 2 * degrees + 20;
  while (chiSquareTail(high, degrees) > chance && high < 1e6) high *= 2;
  return crossing(0, high, (statistic) => chiSquareTail(statistic, degrees) > chance);
}
