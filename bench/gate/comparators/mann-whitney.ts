/**
 * The Mann-Whitney test as Kayenta's judge uses it: a confidence interval of the shift between two samples of a metric,
 * one value a minute, and a verdict by whether it lies beyond a tolerance. Rebuilt from its description.
 */
import { crossing } from "../../../src/stats/crossing.ts";
import { normalProbability, normalQuantile } from "../../../src/stats/normal-distribution.ts";
import type { Gate } from "../gate.ts";

const CONFIDENCE = 0.98;
const TOLERANCE = 0.25;
const JUDGED_EVERY_MINUTES = 10;

/** The smaller number of U of the two samples, and the standard deviation of U with its correction for ties. */
export function mannWhitney(
  x: readonly number[],
  y: readonly number[],
): { readonly u: number; readonly deviation: number } {
  const statistic = pairsAbove(x, y, 0);
  return { u: Math.min(statistic, x.length * y.length - statistic), deviation: deviationOf(x, y, 0) };
}

/** The two-sided p-value from the normal approximation. */
export function mannWhitneyProbability(
  x: readonly number[],
  y: readonly number[],
  isCorrected: boolean,
): number {
  const distance = pairsAbove(x, y, 0) - (x.length * y.length) / 2;
  const shrunk = Math.max(0, Math.abs(distance) - (isCorrected ? 0.5 : 0));
  return 2 * normalProbability(-shrunk / deviationOf(x, y, 0));
}

/** The interval of the shift mu from y to x: where (W(mu) - sign / 2) / sigma passes the quantile. */
export function shiftInterval(
  x: readonly number[],
  y: readonly number[],
  confidence: number,
): [number, number] {
  const quantile = normalQuantile(1 - (1 - confidence) / 2);
  const low = Math.min(...x) - Math.max(...y);
  const high = Math.max(...x) - Math.min(...y);
  const bound = (target: number) => {
    const beyond = (shift: number) => score(x, y, shift) - target;
    if (beyond(low) <= 0) return low;
    if (beyond(high) >= 0) return high;
    return crossing(low, high, (shift) => beyond(shift) > 0);
  };
  return [bound(quantile), bound(-quantile)];
}

/** Judges all minutes so far every 10; low when the interval is below minus a quarter of the estimated shift. */
export const kayentaLike: Gate = {
  name: "Kayenta-like, every 10 min",
  start: () => {
    const candidateRates: number[] = [];
    const stableRates: number[] = [];
    return ({ minute, candidate, stable }) => {
      candidateRates.push(candidate.clicks / candidate.requests);
      stableRates.push(stable.clicks / stable.requests);
      if (minute % JUDGED_EVERY_MINUTES !== 0) return false;
      const [low, high] = shiftInterval(candidateRates, stableRates, CONFIDENCE);
      const estimate = shiftInterval(candidateRates, stableRates, 0)[0];
      return low < high && high < -TOLERANCE * Math.abs(estimate);
    };
  },
};

/** W(mu): how many pairs have x - mu above y; ties count one half. */
function pairsAbove(x: readonly number[], y: readonly number[], shift: number): number {
  let above = 0;
  for (const a of x) for (const b of y) above += a - shift > b ? 1 : a - shift === b ? 0.5 : 0;
  return above;
}

function score(x: readonly number[], y: readonly number[], shift: number): number {
  const distance = pairsAbove(x, y, shift) - (x.length * y.length) / 2;
  const deviation = deviationOf(x, y, shift);
  return deviation === 0 ? 0 : (distance - Math.sign(distance) / 2) / deviation;
}

function deviationOf(x: readonly number[], y: readonly number[], shift: number): number {
  const total = x.length + y.length;
  const counts = new Map<number, number>();
  for (const value of [...x.map((a) => a - shift), ...y]) counts.set(value, (counts.get(value) ?? 0) + 1);
  let ties = 0;
  for (const count of counts.values()) ties += count ** 3 - count;
  return Math.sqrt(((x.length * y.length) / 12) * (total + 1 - ties / (total * (total - 1))));
}
