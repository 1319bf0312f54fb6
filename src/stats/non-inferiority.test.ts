import { describe, expect, test } from "@jest/globals";
import type { GateMetric } from "./evidence.ts";
import { findNotWorse } from "./non-inferiority.ts";
import { CLICKS, MONEY } from "./testdata/evidence-examples.ts";

const clicks: GateMetric = { values: "ZeroOne", better: "Higher" };
const refusals: GateMetric = { values: "ZeroOne", better: "Lower" };
const money: GateMetric = { values: "Amount", better: "Higher" };

test("a bound on the good side of the margin, and nothing else, is enough", () => {
  expect(findNotWorse(CLICKS, clicks, { alpha: 0.05, margin: 0.1 })).toEqual({
    verdict: "NotShown",
    threshold: -0.1,
    estimate: {
      change: expect.closeTo(-0.25087323259669847, 12),
      lower: expect.closeTo(-0.3502613071535659, 12),
      upper: expect.closeTo(-0.14255476753022978, 12),
    },
    sizes: expect.objectContaining({ candidateSum: 662, stableSum: 1982 }),
  });
  // Lower by a quarter, and surely not by more than 40 %.
  expect(findNotWorse(CLICKS, clicks, { alpha: 0.05, margin: 0.4 }).verdict).toBe("NotWorse");
});

test("a difference that is not significant is no reason to promote", () => {
  const finding = findNotWorse(MONEY, money, { alpha: 0.05, margin: 0.1 });
  expect(finding.verdict).toBe("NotShown");
  expect(finding.estimate?.upper).toBeGreaterThan(0);
});

test("where lower is better the upper bound counts", () => {
  expect(findNotWorse(CLICKS, refusals, { alpha: 0.05, margin: 0.1 })).toMatchObject({
    verdict: "NotWorse",
    threshold: 0.1,
  });
  const swapped = CLICKS.map(({ candidate, stable }) => ({ candidate: stable, stable: candidate }));
  expect(findNotWorse(swapped, refusals, { alpha: 0.05, margin: 0.1 }).verdict).toBe("NotShown");
});

test("a smaller alpha needs more", () => {
  const settings = { alpha: 0.05, margin: 0.365 };
  expect(findNotWorse(CLICKS, clicks, settings).verdict).toBe("NotWorse");
  expect(findNotWorse(CLICKS, clicks, { ...settings, alpha: 0.01 }).verdict).toBe("NotShown");
});

describe("without enough, or with what cannot be, nothing is shown", () => {
  const cell = (answers: number, sum: number) => ({
    answers: new Array(128).fill(answers),
    sums: [sum, ...new Array(127).fill(0)],
  });

  test.each([
    ["TooLittle", cell(5, 1), cell(5, 1)],
    ["TooLittle", cell(0, 0), cell(5, 1)],
    ["NoVerdict", cell(5, Number.NaN), cell(5, 1)],
    ["NoVerdict", cell(5, -1), cell(5, 1)],
    ["NoVerdict", cell(Number.POSITIVE_INFINITY, 1), cell(5, 1)],
  ])("%s", (verdict, candidate, stable) => {
    const finding = findNotWorse([{ candidate, stable }], clicks, { alpha: 0.05, margin: 0.1 });
    expect(finding).toMatchObject({ verdict, threshold: -0.1, reason: expect.any(String) });
  });

  test.each([
    { alpha: 0.6, margin: 0.1 },
    { alpha: 0.05, margin: 0 },
    { alpha: 0.05, margin: 1 },
    { alpha: 0.05, margin: Number.NaN },
  ])("settings %p are a mistake of the caller", (settings) => {
    expect(() => findNotWorse(CLICKS, clicks, settings)).toThrow(RangeError);
  });
});
