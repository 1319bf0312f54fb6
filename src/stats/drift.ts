/**
 * What a window of scores or of a feature says against its reference: how far it has drifted, and how likely that is
 * without drift, at the number of values that came.
 *
 * An alarm must follow from a chance alone, never from a distance: a distance is large by chance where few values came.
 */
import { betaBinomialTail } from "./beta-binomial.ts";
import { jensenShannonDistance, wassersteinDistance } from "./distribution-distances.ts";
import { type DriftWindow, ODD } from "./drift-window.ts";
import { binnedTest, type KolmogorovSmirnov } from "./kolmogorov-smirnov.ts";
import { type Stability, stabilityOf } from "./population-stability.ts";
import { coarseCountsOf, type ReferenceDistribution } from "./reference-distribution.ts";

/** How often people want to be called for nothing. */
export interface AlarmRate {
  /** One false alarm in so many days, over all series together. */
  readonly daysPerFalseAlarm: number;
  readonly looksPerDay: number;
  /** Scores and features that are looked at. */
  readonly series: number;
}

/** The chance of an alarm that one look at one series may have without drift. */
export function chancePerLook({ daysPerFalseAlarm, looksPerDay, series }: AlarmRate): number {
  return Math.min(1, 1 / (daysPerFalseAlarm * looksPerDay * series));
}

/** A share of odd values, and how likely one as large is without a change. */
export interface OddShare {
  readonly share: number;
  readonly pValue: number;
}

/** What a window says. */
export interface Drift {
  /** Values that are numbers. */
  readonly count: number;
  readonly stability: Stability;
  readonly kolmogorovSmirnov: KolmogorovSmirnov;
  /** In nats, over tenths of the reference. */
  readonly jensenShannonDistance: number;
  /** In the unit of the values. */
  readonly wassersteinDistance: number;
  /** Of all values, those that were missing. */
  readonly missing: OddShare;
  /** Of the numbers, those below or above all of the reference. */
  readonly outside: OddShare;
  /** Infinite values, which the reference never has. */
  readonly infinite: number;
}

/**
 * Compares a window with its reference. `chance` is that of an alarm without drift, for the threshold of PSI alone:
 * each p-value is compared with it. `undefined` when no number came, or the reference is one value only.
 */
export function driftOf(
  reference: ReferenceDistribution,
  window: DriftWindow,
  chance: number,
): Drift | undefined {
  const coarse = new Float64Array(reference.coarseSpacings.length);
  let count = 0;
  for (const [bin, tenth] of reference.coarseOf.entries()) {
    coarse[tenth] = (coarse[tenth] ?? 0) + (window.counts[bin] ?? 0);
    count += window.counts[bin] ?? 0;
  }
  const stability = stabilityOf(reference, coarse, chance);
  if (stability === undefined) return undefined;
  const { size } = reference;
  const outside = (window.odd[ODD.below] ?? 0) + (window.odd[ODD.above] ?? 0);
  const missing = window.odd[ODD.missing] ?? 0;
  const infinite = window.odd[ODD.infinite] ?? 0;
  const all = count + missing + infinite;
  return {
    count,
    stability,
    kolmogorovSmirnov: binnedTest(reference.counts, window.counts),
    jensenShannonDistance: jensenShannonDistance(coarseCountsOf(reference), coarse),
    wassersteinDistance: wassersteinDistance(
      Array.from(reference.counts, (weight, bin) => ({ value: reference.means[bin] ?? 0, weight })),
      Array.from(window.counts, (weight, bin) => ({
        value: (window.sums[bin] ?? 0) / (weight || 1),
        weight,
      })),
    ),
    // One missing value more than the reference had: without any, the next is not yet news.
    missing: {
      share: missing / all,
      pValue: betaBinomialTail(missing, all, reference.missing + 1, size + 1),
    },
    // Two of the gaps between the sample's values are its open ends.
    outside: { share: outside / count, pValue: betaBinomialTail(outside, count, 2, size - 1) },
    infinite,
  };
}
