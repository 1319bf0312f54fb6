import { describe, expect, test } from "@jest/globals";
import { type GroupEstimate, groupEstimate, isEstimate } from "./group-jackknife.ts";
import { studentQuantile, studentTail } from "./student-distribution.ts";
import { Chance } from "./testdata/chance.ts";

test.each([
  [0.05, 1, 6.313751514675044],
  [0.05, 9, 1.8331129326562376],
  [0.025, 9, 2.2621571627982053],
  [0.05, 127, 1.6569403435420647],
  [0.005, 30, 2.749995653567226],
  [1e-6, 127, 4.983437970236833],
  [0.4, 3, 0.2766706623326898],
])(
  "Student's t with the tail %p and %p degrees of freedom, as scipy 1.17 has it",
  (tail, freedom, quantile) => {
    expect(studentQuantile(tail, freedom)).toBeCloseTo(quantile, 9);
    expect(studentTail(quantile, freedom)).toBeCloseTo(tail, 10);
  },
);

test("a quantile is never taken for a nearer one, however small the tail is", () => {
  // Cauchy's distribution has a formula: with one degree of freedom far out P(T > t) = 1 / (pi t).
  for (const tail of [1e-13, 1e-60, 1e-140]) {
    expect(studentQuantile(tail, 1) * Math.PI * tail).toBeCloseTo(1, 9);
  }
  // No double holds the probability of so far a value.
  expect(studentQuantile(1e-300, 1)).toBe(Number.POSITIVE_INFINITY);
});

test("no quantile for what is no tail", () => {
  expect(studentQuantile(0.5, 9)).toBeNaN();
  expect(studentQuantile(0.05, 0)).toBeNaN();
  expect(studentTail(-1, 9)).toBeNaN();
});

/** The estimate of a ratio of sums over groups. */
function ratioEstimate(sums: readonly number[], counts: readonly number[], alpha = 0.05) {
  const [y, n] = [sums, counts].map((list) => list.reduce((all, one) => all + one, 0));
  const ratio = (sum = 0, count = 0) => (count > 0 ? sum / count : undefined);
  const without = sums.map((sum, group) => ratio((y ?? 0) - sum, (n ?? 0) - (counts[group] ?? 0)));
  return groupEstimate(ratio(y, n), without, alpha);
}

test("of a mean of equal groups it is the usual standard error", () => {
  const values = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5];
  const mean = values.reduce((all, one) => all + one, 0) / values.length;
  const variance = values.reduce((all, one) => all + (one - mean) ** 2, 0) / (values.length - 1);
  const estimate = ratioEstimate(
    values,
    values.map(() => 1),
  ) as GroupEstimate;
  expect(estimate.value).toBeCloseTo(mean, 12);
  expect(estimate.standardError).toBeCloseTo(Math.sqrt(variance / values.length), 12);
  expect(estimate.upper - mean).toBeCloseTo(studentQuantile(0.05, 10) * estimate.standardError, 12);
  expect(mean - estimate.lower).toBeCloseTo(estimate.upper - mean, 12);
});

describe("has no bounds", () => {
  const ones = Array.from({ length: 20 }, () => 1);
  test.each([
    ["without a value", undefined, ones, "it has no value on this set"],
    ["of a value that is none", Number.NaN, ones, "it has no value on this set"],
    ["with few groups", 1, ones.slice(0, 9), "9 groups of the 10 needed"],
    [
      "when a group holds all that it is made of",
      1,
      [undefined, ...ones],
      "without one of the groups it has no value",
    ],
    ["when all groups are alike", 1, ones, "the groups do not differ at all"],
    [
      "when only rounding differs",
      1,
      ones.map((one, at) => one + at * 1e-16),
      "the groups do not differ at all",
    ],
  ])("%s", (_, value, without, reason) => {
    expect(groupEstimate(value, without, 0.05)).toEqual({ reason });
  });
});

test("bounds of a share of dependent requests are wrong about as often as said", () => {
  const chance = new Chance(20_260_501);
  const runs = 1_500;
  let [below, above] = [0, 0];
  for (let run = 0; run < runs; run++) {
    const [sums, counts] = [new Float64Array(128), new Float64Array(128)];
    // Users with many requests and an inclination of their own.
    for (let user = 0; user < 600; user++) {
      const [group, rate] = [chance.bits() % 128, 0.2 * chance.uniform()];
      const requests = 1 + Math.floor(chance.uniform() * 12);
      counts[group] = (counts[group] ?? 0) + requests;
      for (let one = 0; one < requests; one++) {
        if (chance.uniform() < rate) sums[group] = (sums[group] ?? 0) + 1;
      }
    }
    const estimate = ratioEstimate([...sums], [...counts]);
    if (!isEstimate(estimate)) throw new Error(estimate.reason);
    if (estimate.lower > 0.1) below++;
    if (estimate.upper < 0.1) above++;
  }
  // 0.05 each, with four standard errors of what so many runs can tell.
  for (const share of [below / runs, above / runs]) {
    expect(share).toBeGreaterThan(0.027);
    expect(share).toBeLessThan(0.073);
  }
});
