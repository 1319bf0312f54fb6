import { describe, expect, test } from "@jest/globals";
import { effectOf } from "./effect.ts";
import { logShareEvidence, priorWeight } from "./harm-of-shares.ts";
import { CLICKS } from "./testdata/evidence-examples.ts";

const epoch = (candidateShare: number, candidateSum: number, stableSum: number) => ({
  candidateShare,
  candidateSum,
  stableSum,
});

describe("as computed with mpmath", () => {
  test.each([
    ["harm at 10 %", [epoch(0.1, 100, 1200)], 1.5, true, 2.083591189912779],
    ["the same where lower is better", [epoch(0.1, 100, 1200)], 1.5, false, -2.051133933919216],
    ["a holdback at 95 %", [epoch(0.95, 3000, 200)], 2, true, 1.515280955899508],
    ["two epochs", [epoch(0.1, 30, 900), epoch(0.5, 400, 480)], 1.2, true, 22.57959419974195],
  ])("%s", (_, epochs, dispersion, higherIsBetter, logEvidence) => {
    expect(logShareEvidence(epochs, dispersion, 0.25, higherIsBetter)).toBeCloseTo(logEvidence, 9);
  });

  test("the evidence of the examples", () => {
    const { epochs, dispersion } = effectOf(CLICKS, true);
    expect(logShareEvidence(epochs, dispersion, 0.25, true)).toBeCloseTo(28.00383713445505, 9);
    expect(logShareEvidence(epochs, dispersion, 0.25, false)).toBeCloseTo(-4.84932606051361, 9);
  });
});

test("an epoch without a success changes nothing", () => {
  expect(logShareEvidence([epoch(0.1, 0, 0)], 1, 0.25, true)).toBe(0);
  const alone = logShareEvidence([epoch(0.3, 20, 90)], 1, 0.25, true);
  expect(logShareEvidence([epoch(0.3, 20, 90), epoch(0.5, 0, 0)], 1, 0.25, true)).toBe(alone);
});

test("independent successes make a fair bet: the mean of E over all outcomes is 1", () => {
  // 40 successes, each the candidate's with the chance q: every outcome, weighted by its probability.
  for (const [q, higherIsBetter] of [
    [0.1, true],
    [0.5, false],
    [0.9, true],
  ] as const) {
    let mean = 0;
    let logProbability = 40 * Math.log1p(-q);
    for (let count = 0; count <= 40; count++) {
      mean += Math.exp(
        logProbability + logShareEvidence([epoch(q, count, 40 - count)], 1, 0.25, higherIsBetter),
      );
      logProbability += Math.log(((40 - count) / (count + 1)) * (q / (1 - q)));
    }
    expect(mean).toBeCloseTo(1, 9);
  }
});

test("the prior is one everywhere, and continuous at an even split", () => {
  for (let share = 0.001; share < 1; share += 0.001) expect(priorWeight(share, 0.25)).toBeGreaterThan(10);
  expect(priorWeight(0.5 + 1e-9, 0.25)).toBeCloseTo(priorWeight(0.5, 0.25), 5);
  expect(priorWeight(0.1, 0.25)).toBeCloseTo(143, 9);
});

test("evidence stays a number where harm or good is beyond doubt", () => {
  expect(logShareEvidence([epoch(0.5, 0, 1e6)], 1, 0.25, true)).toBeGreaterThan(1e5);
  expect(logShareEvidence([epoch(0.5, 1e6, 0)], 1, 0.25, true)).toBeLessThan(-5);
  expect(Number.isFinite(logShareEvidence([epoch(0.5, 1e6, 0)], 1, 0.25, true))).toBe(true);
});
