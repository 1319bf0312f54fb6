import { expect, test } from "@jest/globals";
import { logCountEvidence } from "./count-evidence.ts";

test("the example of Lindon and Malek: p = 0.04845591105969517", () => {
  const p = Math.exp(-logCountEvidence([0.1, 0.4, 0.5], [40, 129, 233]));
  expect(p).toBeCloseTo(0.04845591105969517, 12);
});

test("two arms, as computed with scipy", () => {
  expect(logCountEvidence([0.1, 0.9], [180, 1000])).toBeCloseTo(13.295457823137326, 8);
});

test("no unit is no evidence, and what cannot be is no number", () => {
  expect(logCountEvidence([0.5, 0.5], [0, 0])).toBeCloseTo(0, 12);
  expect(logCountEvidence([0.5, 0.5], [1])).toBeNaN();
  expect(logCountEvidence([0.5, 0.5], [1, -1])).toBeNaN();
  expect(logCountEvidence([0.5, 0.5], [1, Number.POSITIVE_INFINITY])).toBeNaN();
});
