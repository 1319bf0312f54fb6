import { expect, test } from "@jest/globals";
import { effectOf } from "./effect.ts";
import { changeBounds, mixtureHalfWidth } from "./mixture-bounds.ts";
import { CLICKS } from "./testdata/evidence-examples.ts";

test.each([
  [0.01, 0.05, 0.1, 0.3255247261437459],
  [0.0020768291520223093, 0.05, 0.25, 0.1313668318164551],
  [0.0020768291520223093, 0.05, 0.1, 0.12635635366019993],
])("the half width for variance %p, alpha %p, tau %p", (variance, alpha, tau, halfWidth) => {
  expect(mixtureHalfWidth(variance, alpha, tau)).toBeCloseTo(halfWidth, 12);
});

test("is unbounded while nothing is known", () => {
  expect(mixtureHalfWidth(Number.POSITIVE_INFINITY, 0.05, 0.1)).toBe(Number.POSITIVE_INFINITY);
});

test("bounds are relative changes of the metric", () => {
  const bounds = changeBounds(effectOf(CLICKS, true), 0.05, 0.1);
  expect(bounds.lower).toBeCloseTo(-0.3502613071535659, 12);
  expect(bounds.upper).toBeCloseTo(-0.14255476753022978, 12);
});
