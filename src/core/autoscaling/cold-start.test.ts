import { expect, test } from "@jest/globals";
import { coldStartMilliseconds, type MeasuredStart } from "./cold-start.ts";

const start = (total: number): MeasuredStart => ({
  ...{ scheduling: 0.5 * total, fetch: 0.25 * total, load: 0.125 * total, warmUp: 0.125 * total },
});

test.each([
  ["three minutes while nothing is known", [], 180_000],
  ["the longest of few", [30_000, 90_000, 40_000], 90_000],
  ["19 of 20", Array.from({ length: 20 }, (_, at) => 1_000 * (at + 1)), 19_000],
  ["of the last fifty alone", [900_000, 900_000, 900_000, ...Array.from({ length: 50 }, () => 8_000)], 8_000],
])("takes %s", (_, totals, expected) => {
  expect(coldStartMilliseconds(totals.map(start))).toBe(expected);
});
