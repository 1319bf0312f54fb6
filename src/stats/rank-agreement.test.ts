import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { isSameBest, isSameOrder, kendallTau, largestDifference } from "./rank-agreement.ts";

describe("Kendall's tau-b", () => {
  test.each([
    // The example of scipy.stats.kendalltau.
    [[12, 2, 1, 12, 2], [1, 4, 7, 1, 0], -0.4714045207910316],
    // By hand: 5 of 6 pairs agree, 1 does not.
    [[1, 2, 3, 4], [1, 2, 4, 3], 4 / 6],
    // By hand: of 6 pairs 4 agree and 1 does not; 5 are untied in the first list, all in the other.
    [[1, 1, 2, 3], [1, 2, 4, 3], 3 / Math.sqrt(5 * 6)],
    [[1, 2, 3], [10, 20, 30], 1],
    [[1, 2, 3], [3, 2, 1], -1],
  ])("of %j and %j", (one, other, expected) => {
    expect(kendallTau({ one, other })).toBeCloseTo(expected, 12);
    expect(kendallTau({ one: other, other: one })).toBeCloseTo(expected, 12);
  });

  test.each([
    ["a single row", [1], [2]],
    ["no row", [], []],
    ["rows that are all tied in one list", [1, 1, 1], [1, 2, 3]],
  ])("is not there for %s", (_what, one, other) => {
    expect(kendallTau({ one, other })).toBeUndefined();
  });

  test("follows the order alone, and is within its bounds", () => {
    const lists = fc
      .integer({ min: 2, max: 12 })
      .chain((length) =>
        fc.tuple(
          fc.array(fc.integer({ min: 0, max: 5 }), { minLength: length, maxLength: length }),
          fc.array(fc.integer({ min: 0, max: 5 }), { minLength: length, maxLength: length }),
        ),
      );
    fc.assert(
      fc.property(lists, ([one, other]) => {
        const tau = kendallTau({ one, other });
        expect(kendallTau({ one: one.map((score) => Math.exp(score)), other })).toBe(tau);
        if (tau === undefined) return;
        expect(Math.abs(tau)).toBeLessThanOrEqual(1 + 1e-12);
        expect(kendallTau({ one: one.map((score) => -score), other })).toBeCloseTo(-tau, 12);
        if (isSameOrder({ one, other })) expect(tau).toBeCloseTo(1, 12);
      }),
    );
  });
});

test.each([
  [[3, 2, 1], [30, 20, 10], true, true],
  [[3, 2, 1], [30, 10, 20], false, true],
  [[3, 2, 1], [20, 30, 10], false, false],
  // A tie is an order of its own, and shares the first place.
  [[3, 3, 1], [3, 2, 1], false, true],
  [[3, 3, 1], [1, 1, 0], true, true],
])("%j and %j: the same order %p, the same best row %p", (one, other, order, best) => {
  expect(isSameOrder({ one, other })).toBe(order);
  expect(isSameBest({ one, other })).toBe(best);
});

test("the largest difference of a row counts", () => {
  expect(largestDifference({ one: [0.1, 0.5], other: [0.2, 0.2] })).toBeCloseTo(0.3, 12);
  expect(largestDifference({ one: [1], other: [1] })).toBe(0);
});
