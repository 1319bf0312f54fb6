import { expect, test } from "@jest/globals";
import { type Recommended, stabilised } from "./stabilisation.ts";

const NOW = 1_800_000_000_000;
const SETTINGS = { tolerance: 0.1, scaleInAfterMilliseconds: 300_000 };
const at = (secondsAgo: number, replicas: number): Recommended => ({
  atMilliseconds: NOW - 1_000 * secondsAgo,
  replicas,
});

test.each([
  ["out at once", 14.2, 10, [], 15],
  ["nothing within the tolerance above", 10.9, 10, [], 10],
  ["nothing within the tolerance below", 9.1, 10, [at(300, 10)], 10],
  ["not in while more was needed lately", 6, 10, [at(299, 9)], 9],
  ["in when nothing more was needed for five minutes", 6, 10, [at(300, 9), at(15, 6)], 6],
  ["in at most by half", 1, 11, [], 6],
  ["the last one only without any load", 0, 1, [], 1],
  ["not in by a clock that was set back", 6, 10, [at(-200, 10)], 10],
  ["from none to what is needed", 0.2, 0, [], 1],
] as const)("scales %s", (_, needed, current, recommended, replicas) => {
  expect(stabilised(needed, current, recommended, NOW, SETTINGS).replicas).toBe(replicas);
});

test("remembers only what may still be the largest, and little of it", () => {
  const before = [at(200, 9), at(100, 7), at(50, 8)];
  expect(stabilised(7.5, 7, before, NOW, SETTINGS).recommended).toEqual([at(200, 9), at(50, 8), at(0, 7)]);
  expect(stabilised(9.9, 9, before, NOW, SETTINGS).recommended).toEqual([at(0, 9)]);
  const many = Array.from({ length: 500 }, (_, one) => at(250 - one / 2, 1_000 - one));
  expect(stabilised(300, 300, many, NOW, SETTINGS).recommended).toHaveLength(40);
});
