/** When a sight of Envoy says that it is another one than before. */
import { expect, test } from "@jest/globals";
import { newShippingState, withSight } from "./shipping-state.ts";

/** Gaps after two sights: each when it was asked, how long it took, and the seconds that Envoy told. */
function gapsOf(...sights: readonly (readonly [from: number, took: number, uptimeSeconds: number])[]) {
  return sights.reduce(
    (state, [from, took, uptimeSeconds]) =>
      withSight(state, { from, to: from + took, uptimeSeconds, failedWrites: 0 }),
    newShippingState("router", 0),
  ).gaps;
}

test.each([
  ["that was seen within its first second", [100_000, 5, 0], [102_500, 5, 0]],
  ["that had run for a while", [100_000, 5, 100], [102_500, 5, 1]],
  ["whose time is longer than that of the one before", [100_000, 5, 1], [105_000, 5, 2]],
] as const)("an Envoy %s and was started anew is another one", (_which, before, after) => {
  expect(gapsOf(before, after)).toEqual([{ from: 68_000, to: after[0] + after[1] }]);
});

test.each([
  ["whole seconds that are rounded apart", [100_999, 5, 2], [102_001, 5, 2]],
  ["an answer that took long before", [100_000, 20_000, 10], [125_000, 5, 15]],
  ["an answer that takes long now", [100_000, 5, 10], [105_000, 20_000, 35]],
] as const)("an Envoy that went on is not taken for a new one by %s", (_what, before, after) => {
  expect(gapsOf(before, after)).toEqual([]);
});
