import { expect, test } from "@jest/globals";
import { servingWorld } from "../../../test/fixtures/world.ts";
import type { ObservedRouter } from "../observation.ts";
import { acknowledgedEpoch } from "./acknowledged-epoch.ts";

function router(epoch: number, isLive = true): ObservedRouter {
  return { name: `router-${epoch}`, isLive, acknowledgedEpoch: epoch };
}

test.each<[string, readonly ObservedRouter[], number]>([
  ["0 without a router", [], 0],
  ["0 without a live router", [router(7, false)], 0],
  ["the oldest of the live ones", [router(7), router(5), router(9)], 5],
  ["not that of a router that is not live", [router(7), router(3, false)], 7],
  ["0 while a live router has none", [router(7), router(0)], 0],
])("the epoch in effect is %s", (_what, routers, expected) => {
  expect(acknowledgedEpoch({ ...servingWorld().observation(), routers })).toBe(expected);
});
