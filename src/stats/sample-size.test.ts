import { describe, expect, test } from "@jest/globals";
import { logMeanEvidence } from "./harm-of-means.ts";
import { mixtureHalfWidth } from "./mixture-bounds.ts";
import { requestsFor, secondsUntil, USUAL_POWER, varianceForHarm, varianceForMargin } from "./sample-size.ts";

const plan = { alpha: 0.05, power: USUAL_POWER };
const even = { candidateShare: 0.5, mean: 0.05, dispersion: 1 };

describe("requests for a margin at a click-through of 5 %, 50/50", () => {
  test.each([
    [0.02, 2.6e6],
    [0.05, 0.42e6],
    [0.1, 0.11e6],
  ])("%p needs %p times D", (margin, requests) => {
    const needed = requestsFor(varianceForMargin(margin, plan), even);
    expect(Math.abs(needed / requests - 1)).toBeLessThan(0.05);
    const heavy = requestsFor(varianceForMargin(margin, plan), { ...even, dispersion: 4 });
    expect(heavy / needed).toBeCloseTo(4, 3);
  });
});

test("the variance for a margin is where chance and bounds fill it", () => {
  const variance = varianceForMargin(0.05, plan);
  expect(0.8416212335729143 * Math.sqrt(variance) + mixtureHalfWidth(variance, 0.05, 0.05)).toBeCloseTo(
    0.05,
    9,
  );
});

test("the variance for a harm is where the evidence reaches its threshold", () => {
  const variance = varianceForHarm(0.2, { alpha: 0.025, power: 0.8 });
  const effect = -0.2 + 0.8416212335729143 * Math.sqrt(variance);
  expect(logMeanEvidence(effect, variance, 0.25)).toBeCloseTo(Math.log(40), 6);
  expect(varianceForHarm(0.5, plan)).toBeGreaterThan(varianceForHarm(0.2, plan));
});

test("time still needed follows the traffic", () => {
  const variance = varianceForMargin(0.05, plan);
  const whole = secondsUntil(variance, 0, 100, even);
  expect(whole).toBeCloseTo(requestsFor(variance, even) / 100, 6);
  const half = even.mean * 0.25 * (requestsFor(variance, even) / 2);
  expect(secondsUntil(variance, half, 100, even)).toBeCloseTo(whole / 2, 6);
  expect(secondsUntil(variance, 3 * half, 100, even)).toBe(0);
  expect(secondsUntil(variance, 0, 0, even)).toBe(Number.POSITIVE_INFINITY);
});

test.each([
  { candidateShare: 0 },
  { candidateShare: 1 },
  { candidateShare: Number.NaN },
  { mean: 0 },
  { mean: Number.POSITIVE_INFINITY },
  { dispersion: 0 },
  { dispersion: Number.NaN },
])("traffic with %p is out of range", (wrong) => {
  expect(() => requestsFor(0.01, { ...even, ...wrong })).toThrow(RangeError);
});
