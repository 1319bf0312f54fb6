/**
 * The special functions against values of other programs: mpmath 1.3 with 60 digits, and scipy 1.17 for quantiles and
 * chi-square. The incomplete beta is a sum of positive terms there (NIST DLMF 8.17.8), which shares nothing with the
 * continued fraction here.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { logIncompleteBeta } from "./incomplete-beta.ts";
import { chiSquareTail, logUpperGamma } from "./incomplete-gamma.ts";
import { logBeta, logGamma, logOnePlusMinus, stirlingCorrection } from "./log-gamma.ts";
import { logNormalProbability, normalProbability, normalQuantile } from "./normal-distribution.ts";

/** Rows of arguments, with the value last. */
const expected: Readonly<Record<string, readonly (readonly number[])[]>> = JSON.parse(
  readFileSync(join(import.meta.dirname, "testdata/special-functions.json"), "utf8"),
);

const FUNCTIONS: Readonly<Record<string, (...values: [number, number, number]) => number>> = {
  logGamma,
  logBeta,
  logIncompleteBeta,
  logUpperGamma,
  chiSquareTail,
  logNormal: logNormalProbability,
  quantile: normalQuantile,
  phi: logOnePlusMinus,
};

test("every table has its function", () => {
  expect(Object.keys(expected).toSorted()).toEqual(Object.keys(FUNCTIONS).toSorted());
});

describe.each(Object.keys(FUNCTIONS))("%s", (name) => {
  test.each((expected[name] ?? []).map((row) => [row.slice(0, -1), row.at(-1) ?? Number.NaN] as const))(
    "of %p is %p",
    (values, value) => {
      const [first = Number.NaN, second = Number.NaN, third = Number.NaN] = values;
      const got = FUNCTIONS[name]?.(first, second, third) ?? Number.NaN;
      expect(Math.abs(got - value)).toBeLessThanOrEqual(1e-12 * Math.abs(value));
    },
  );
});

test.each([
  [0.3, 14, 120],
  [0.5, 3, 1e4],
  [0.9, 800, 95],
  [0.02, 0.4, 7],
])("I_x(a, b) and its mirror image add up to 1: %p, %p, %p", (x, a, b) => {
  const sum = Math.exp(logIncompleteBeta(x, a, b)) + Math.exp(logIncompleteBeta(1 - x, b, a));
  expect(sum).toBeCloseTo(1, 13);
});

test("values beyond the smallest number stay numbers", () => {
  expect(logIncompleteBeta(0.001, 5_000, 5_000)).toBeCloseTo(-27_617.82922309679, 8);
  expect(logNormalProbability(-1e6)).toBeCloseTo(-5e11, -3);
  expect(normalProbability(-37)).toBeGreaterThan(0);
});

test("the ends of the range are exact", () => {
  expect(logIncompleteBeta(0, 2, 3)).toBe(Number.NEGATIVE_INFINITY);
  expect(logIncompleteBeta(1, 2, 3)).toBe(0);
  expect(logUpperGamma(2, 0)).toBe(0);
  expect(logUpperGamma(2, Number.POSITIVE_INFINITY)).toBe(Number.NEGATIVE_INFINITY);
  expect(chiSquareTail(0, 4)).toBe(1);
  expect(logGamma(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
});

test("what is out of range is no number", () => {
  const answers = [
    logGamma(0),
    logGamma(-1.5),
    logGamma(Number.NaN),
    logBeta(-1, 2),
    logBeta(1, 0),
    stirlingCorrection(9),
    logIncompleteBeta(-0.1, 1, 1),
    logIncompleteBeta(1.1, 1, 1),
    logIncompleteBeta(0.5, 0, 1),
    logIncompleteBeta(0.5, 1, Number.NaN),
    logIncompleteBeta(0.5, Number.POSITIVE_INFINITY, 1),
    logUpperGamma(0, 1),
    logUpperGamma(1, -1),
    logNormalProbability(Number.NaN),
    normalQuantile(0),
    normalQuantile(1),
    normalQuantile(Number.NaN),
  ];
  expect(answers).toEqual(answers.map(() => Number.NaN));
});
