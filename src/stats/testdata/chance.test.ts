import { expect, test } from "@jest/globals";
import { Chance } from "./chance.ts";

const DRAWS = 20_000;

/** Mean and variance of some draws. */
function moments(draw: () => number): readonly [mean: number, variance: number] {
  const values = Array.from({ length: DRAWS }, draw);
  const mean = values.reduce((sum, value) => sum + value, 0) / DRAWS;
  return [mean, values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / DRAWS];
}

test.each<[name: string, draw: (chance: Chance) => number, mean: number, variance: number]>([
  ["uniform", (chance) => chance.uniform(), 1 / 2, 1 / 12],
  ["normal", (chance) => chance.normal(), 0, 1],
  ["gamma", (chance) => chance.gamma(1.5), 1.5, 1.5],
  ["beta", (chance) => chance.beta(1.025, 19.48), 1.025 / 20.505, 0.0022089],
  ["few of many", (chance) => chance.binomial(1_000_000, 3e-6), 3, 3],
  ["a few", (chance) => chance.binomial(12, 0.3), 3.6, 2.52],
  ["many", (chance) => chance.binomial(100, 0.2), 20, 16],
  ["most", (chance) => chance.binomial(1_000_000, 0.9), 900_000, 90_000],
])("%s has its mean and variance", (_, draw, mean, variance) => {
  const chance = new Chance(11);
  const [seenMean, seenVariance] = moments(() => draw(chance));
  expect(Math.abs(seenMean - mean)).toBeLessThan(4 * Math.sqrt(variance / DRAWS));
  expect(Math.abs(seenVariance / variance - 1)).toBeLessThan(0.06);
});

test.each([
  [20, 0.4],
  [50, 0.5],
  [400, 0.03],
])("%d trials at %d succeed as often as the binomial says", (trials, probability) => {
  const chance = new Chance(12);
  const seen = new Float64Array(trials + 1);
  const draws = 4 * DRAWS;
  for (let draw = 0; draw < draws; draw++) {
    const successes = chance.binomial(trials, probability);
    seen[successes] = (seen[successes] ?? 0) + 1;
  }
  let expected = (1 - probability) ** trials;
  for (let successes = 0; successes <= trials; successes++) {
    const deviation = Math.sqrt((expected * (1 - expected)) / draws);
    expect(Math.abs((seen[successes] ?? 0) / draws - expected)).toBeLessThan(5 * deviation + 2 / draws);
    expected *= ((trials - successes) / (successes + 1)) * (probability / (1 - probability));
  }
});

test("a trial that cannot fail, and one that cannot succeed", () => {
  const chance = new Chance(13);
  expect([chance.binomial(40, 0), chance.binomial(40, 1), chance.binomial(0, 0.3)]).toEqual([0, 40, 0]);
});

test("equal seeds give equal streams, others give others", () => {
  const first = (seed: number) => new Chance(seed).bits();
  expect(first(5)).toBe(first(5));
  expect(first(5)).not.toBe(first(6));
});
