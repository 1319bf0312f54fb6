/**
 * Whether a share of first tries, those that fail or are too slow, is larger than it may be.
 *
 * Servers fail in bursts, so first tries are not independent of each other: how many times more uncertain their count is
 * is measured between minutes, and taken to be large while there are few of these. Evidence is the mixture that also
 * judges quality, on the count divided by that dispersion; it may be looked at all the time.
 */
import { logShareEvidence } from "../../../stats/harm-of-shares.ts";

/** The probability that a gate on the service fails a candidate without cause, over all looks. */
export const SERVICE_ALPHA = 0.001;

/** Broken servers fail outright, so a wide range of what may be wrong is looked for. */
const SCALE = 0.9;
/** So many minutes of this dispersion are supposed to have been seen before the first. */
const [PRIOR_MINUTES, PRIOR_DISPERSION] = [4, 10];
/** With a share as large as it may be, so many of the first tries must be expected before anything passes. */
const LEAST_EXPECTED = 10;
/** Bounds are this many standard deviations wide on each side. */
export const DEVIATIONS = 3;

/** One minute. A try of which nobody can tell counts as not failing here, and there as failing. */
export interface ShareMinute {
  readonly tries: number;
  readonly atLeast: number;
  readonly atMost: number;
}

/** What is known of the share. */
export interface ShareFinding {
  /** `TooFew`: not above as far as is known, and nothing that could pass. */
  readonly verdict: "Above" | "NotAbove" | "TooFew";
  readonly tries: number;
  readonly dispersion: number;
  /** First tries that are needed before anything passes. */
  readonly triesNeeded: number;
}

/** @param limit how large the share may be, above 0; nothing is above 1. */
export function findShareAbove(minutes: readonly ShareMinute[], limit: number): ShareFinding {
  const tries = triesOf(minutes);
  const failing = sum(minutes, ({ atLeast }) => atLeast);
  const dispersion = dispersionOf(minutes);
  if (limit >= 1) {
    const verdict = tries >= LEAST_EXPECTED ? "NotAbove" : "TooFew";
    return { verdict, tries, dispersion, triesNeeded: LEAST_EXPECTED };
  }
  const triesNeeded = Math.ceil(LEAST_EXPECTED / Math.min(limit, 1 - limit));
  const epoch = { candidateShare: limit, candidateSum: failing, stableSum: tries - failing };
  const logEvidence = tries === 0 ? 0 : logShareEvidence([epoch], dispersion, SCALE, false);
  // What is not a number is not above, and must not pass either.
  const isAbove = failing > limit * tries && logEvidence >= Math.log(1 / SERVICE_ALPHA);
  const isEnough = tries >= triesNeeded && !Number.isNaN(logEvidence);
  return { verdict: isAbove ? "Above" : isEnough ? "NotAbove" : "TooFew", tries, dispersion, triesNeeded };
}

/** All first tries. */
export function triesOf(minutes: readonly ShareMinute[]): number {
  return sum(minutes, ({ tries }) => tries);
}

/** The share that fails for certain; not a number without any first try. */
export function shareOf(minutes: readonly ShareMinute[]): number {
  return sum(minutes, ({ atLeast }) => atLeast) / triesOf(minutes);
}

/** Bounds of the share, in turn of those that fail for certain, and of those that may. */
export function shareBounds(minutes: readonly ShareMinute[]): {
  readonly lower: number;
  readonly upper: number;
} {
  const tries = triesOf(minutes);
  const width = (share: number) =>
    tries === 0 ? 1 : DEVIATIONS * Math.sqrt((dispersionOf(minutes) * share * (1 - share)) / tries);
  const least = tries === 0 ? 0 : shareOf(minutes);
  // One more than was seen: none in a few tries is no share of 0.
  const most = (sum(minutes, ({ atMost }) => atMost) + 1) / (tries + 1);
  return { lower: Math.max(0, least - width(least)), upper: Math.min(1, most + width(most)) };
}

/** Between minutes, at least 1: Pearson's chi-square over its degrees of freedom, with the supposed minutes. */
export function dispersionOf(minutes: readonly ShareMinute[]): number {
  const seen = minutes.filter(({ tries }) => tries > 0);
  const share = shareOf(seen);
  const perTry = share * (1 - share);
  const chiSquare =
    perTry > 0
      ? sum(seen, ({ tries, atLeast }) => (atLeast - share * tries) ** 2 / (tries * perTry))
      : Math.max(0, seen.length - 1);
  const degrees = Math.max(0, seen.length - 1);
  return Math.max(1, (chiSquare + PRIOR_MINUTES * PRIOR_DISPERSION) / (degrees + PRIOR_MINUTES));
}

function sum<Item>(items: readonly Item[], numberOf: (item: Item) => number): number {
  return items.reduce((total, item) => total + numberOf(item), 0);
}
