/**
 * The methods that Petrel's gates are compared with give what their own packages give: confseq, GrowthBook's gbstats,
 * scipy.
 */
import { describe, expect, test } from "@jest/globals";
import { asymptoticInterval, binarySums, relativeLift } from "./asymptotic-sequence.ts";
import { mannWhitney, mannWhitneyProbability, shiftInterval } from "./mann-whitney.ts";
import { bestRho, logOneSidedMixture, logTwoSidedMixture, mixtureBoundary } from "./normal-mixture.ts";
import { pearsonProbability } from "./requests.ts";

describe("confseq, for v 100 and alpha .05", () => {
  test("two-sided", () => {
    const rho = bestRho(100, 0.05);
    expect(rho).toBeCloseTo(12.60056, 5);
    expect(logTwoSidedMixture(10, 100, rho)).toBeCloseTo(-0.6510052, 6);
    expect(mixtureBoundary((sum) => logTwoSidedMixture(sum, 100, rho), 0.05)).toBeCloseTo(30.35209, 5);
  });

  test("one-sided", () => {
    const rho = bestRho(100, 0.1);
    expect(logOneSidedMixture(10, 100, rho)).toBeCloseTo(-0.06502391, 6);
    expect(mixtureBoundary((sum) => logOneSidedMixture(sum, 100, rho), 0.05)).toBeCloseTo(27.66071, 5);
  });
});

describe("GrowthBook's sequential tests", () => {
  test("means", () => {
    const lift = relativeLift(
      { count: 3_000, sum: 1_396.87, sumOfSquares: 52_377.9767 },
      { count: 3_461, sum: 2_422.7, sumOfSquares: 134_698.29 },
    );
    const [lower, upper] = asymptoticInterval(lift, 0.05, 1_000);
    expect(lift.lift).toBeCloseTo(0.50336, 5);
    expect(lower).toBeCloseTo(-0.55844, 5);
    expect(upper).toBeCloseTo(1.56516, 5);
  });

  test("proportions", () => {
    const lift = relativeLift(binarySums(3_000, 1_396), binarySums(3_461, 2_422));
    const [lower, upper] = asymptoticInterval(lift, 0.05, 5_000);
    expect(lower).toBeCloseTo(0.40098, 5);
    expect(upper).toBeCloseTo(0.60675, 5);
  });
});

describe("scipy", () => {
  const [x, y] = [
    [19, 22, 16, 29, 24],
    [20, 11, 17, 12],
  ];

  test("Mann-Whitney", () => {
    expect(mannWhitney(x, y).u).toBe(3);
    expect(x.length * y.length - mannWhitney(x, y).u).toBe(17);
    expect(mannWhitneyProbability(x, y, true)).toBeCloseTo(0.11134689, 6);
    expect(mannWhitneyProbability(x, y, false)).toBeCloseTo(0.08641073, 6);
  });

  test("Pearson's chi-square", () => {
    expect(pearsonProbability([0.5, 0.5], [5_000, 5_200])).toBeCloseTo(0.04767, 5);
    expect(pearsonProbability([0.5, 0.5], [9_800, 10_200])).toBeCloseTo(0.0046777, 6);
  });
});

test("the interval of a shift holds it, and lies within what the samples allow", () => {
  const y = Array.from({ length: 40 }, (_, index) => (index * 37) % 40);
  const x = y.map((value) => value + 15);
  const [low, high] = shiftInterval(x, y, 0.98);
  expect(low).toBeLessThan(15);
  expect(high).toBeGreaterThan(15);
  expect(low).toBeGreaterThan(5);
  expect(high).toBeLessThan(25);
});
