/**
 * That counts by bin give the area under the curve to a thousandth, on scores as they are in shops.
 */
import { describe, expect, test } from "@jest/globals";
import {
  areaUnderCurve,
  PROBABILITY_SCORE_BINS,
  probabilityBins,
  type ScoreBins,
  scoreBinsBetween,
} from "./score-bins.ts";
import { Chance } from "./testdata/chance.ts";

const ROWS = 40_000;

interface Example {
  readonly score: number;
  readonly isPositive: boolean;
}

/** Scores whose logit is normal, and labels that come true at the rate of the score. */
function examples(seed: number, meanLogit: number, spread: number): Example[] {
  const random = new Chance(seed);
  return Array.from({ length: ROWS }, () => {
    const score = 1 / (1 + Math.exp(-(meanLogit + spread * random.normal())));
    return { score, isPositive: random.uniform() < score };
  });
}

/** By counting over all pairs, in the order of the scores. */
function exactArea(all: readonly Example[]): number {
  const sorted = all.toSorted((a, b) => a.score - b.score);
  let [below, area] = [0, 0];
  for (let start = 0; start < sorted.length; ) {
    let end = start;
    const counts = [0, 0];
    for (; end < sorted.length && sorted[end]?.score === sorted[start]?.score; end++) {
      const kind = sorted[end]?.isPositive ? 1 : 0;
      counts[kind] = (counts[kind] ?? 0) + 1;
    }
    const [negatives = 0, positives = 0] = counts;
    area += positives * (below + negatives / 2);
    below += negatives;
    start = end;
  }
  return area / (below * (all.length - below));
}

function binnedArea(all: readonly Example[], bins: ScoreBins): number {
  const [positives, negatives] = [new Float64Array(bins.count), new Float64Array(bins.count)];
  for (const { score, isPositive } of all) {
    const counts = isPositive ? positives : negatives;
    const bin = bins.binOf(score);
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return areaUnderCurve(positives, negatives) ?? Number.NaN;
}

describe.each([
  ["click rates of 5 %", -3.2, 0.8],
  ["order rates of 0.5 %", -5.5, 1],
  ["even odds", 0, 1.5],
  ["scores that are close together", -3, 0.2],
])("%s", (_, meanLogit, spread) => {
  test.each([1, 2, 3])("the area is right to a thousandth (seed %d)", (seed) => {
    const all = examples(seed, meanLogit, spread);
    expect(Math.abs(binnedArea(all, PROBABILITY_SCORE_BINS) - exactArea(all))).toBeLessThan(0.001);
  });
});

test("twenty uniform bins would not do", () => {
  const all = examples(1, -3.2, 0.8);
  const uniform = scoreBinsBetween(Array.from({ length: 19 }, (_, index) => (index + 1) / 20));
  expect(Math.abs(binnedArea(all, uniform) - exactArea(all))).toBeGreaterThan(0.01);
});

test("there is no area without both positives and negatives", () => {
  expect(areaUnderCurve(Float64Array.of(1, 2), Float64Array.of(0, 0))).toBeUndefined();
  expect(areaUnderCurve(Float64Array.of(0, 0), Float64Array.of(1, 2))).toBeUndefined();
});

test.each([PROBABILITY_SCORE_BINS, probabilityBins(250)])(
  "every bin holds its own middle, and the ends hold what is beyond",
  (bins) => {
    for (let bin = 0; bin < bins.count; bin++) expect(bins.binOf(bins.middleOf(bin))).toBe(bin);
    const last = bins.count - 1;
    expect([0, 1e-30, 1 - 1e-16, 1].map(bins.binOf)).toEqual([0, 0, last, last]);
  },
);

test("an edge belongs to the bin above it", () => {
  const bins = scoreBinsBetween([-1, 0, 10]);
  expect([-2, -1, -0.5, 0, 9, 10, 11].map((score) => bins.binOf(score))).toEqual([0, 1, 1, 2, 2, 3, 3]);
  expect(() => scoreBinsBetween([1, 1])).toThrow("expected ascending numbers, got 1 as number 2");
  expect(() => scoreBinsBetween([Number.NaN])).toThrow("got NaN as number 1");
});
