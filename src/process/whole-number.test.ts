import { expect, test } from "@jest/globals";
import { wholeNumber } from "./whole-number.ts";

test.each([
  ["1", 1],
  ["007", 7],
  ["100", 100],
])("%j is %i", (text, value) => {
  expect(wholeNumber(1, 100)(text)).toBe(value);
});

test.each(["0", "101", "", " 1", "1.5", "1e1", "0x1", "-1", "+1", "9".repeat(20)])(
  "%j is refused",
  (text) => {
    expect(() => wholeNumber(1, 100)(text)).toThrow(
      `expected a whole number from 1 to 100, got ${JSON.stringify(text)}`,
    );
  },
);
