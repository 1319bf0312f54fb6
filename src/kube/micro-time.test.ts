import { expect, test } from "@jest/globals";
import { microTime } from "./micro-time.ts";

test.each([
  [0, "1970-01-01T00:00:00.000000Z"],
  [Date.UTC(2026, 1, 3, 4, 5, 6, 7), "2026-02-03T04:05:06.007000Z"],
  [Date.UTC(2026, 1, 3, 4, 5, 6, 7) + 0.25, "2026-02-03T04:05:06.007000Z"],
])("%d is %s: six digits, or the API server refuses it (client-node #828, #830)", (milliseconds, text) => {
  expect(microTime(milliseconds)).toBe(text);
});
