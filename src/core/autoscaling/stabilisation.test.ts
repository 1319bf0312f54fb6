import { expect, test } from "@jest/globals";
import { stabilised } from "./stabilisation.ts";

test.each([
  ["out at once", 14.2, 10, 15],
  ["nothing within the tolerance above", 10.9, 10, 10],
  ["nothing within the tolerance below", 9.1, 10, 10],
  ["in to what is needed", 6, 10, 6],
  ["in at most by half", 1, 11, 6],
  ["the last one only without any load", 0, 1, 1],
  ["from none to what is needed", 0.2, 0, 1],
])("scales %s", (_, needed, current, replicas) => {
  expect(stabilised(needed, current, 0.1)).toBe(replicas);
});
