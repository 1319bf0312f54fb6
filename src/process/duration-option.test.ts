import { expect, test } from "@jest/globals";
import { InvalidArgumentError } from "commander";
import { durationOption } from "./duration-option.ts";

test.each([
  ["1ms", 1],
  ["1.5s", 1_500],
  ["24h", 86_400_000],
])("%j is %d ms", (text, milliseconds) => {
  expect(durationOption("1ms", "24h")(text)).toBe(milliseconds);
});

test.each(["0s", "24h1ms"])("%j is beyond the bounds", (text) => {
  expect(() => durationOption("1ms", "24h")(text)).toThrow(
    new InvalidArgumentError(`expected a duration from 1ms to 24h, got "${text}"`),
  );
});

test.each(["", "5", "-1s", "soon"])("%j is no duration", (text) => {
  expect(() => durationOption()(text)).toThrow(InvalidArgumentError);
  expect(() => durationOption()(text)).toThrow("expected a duration such as");
});

test("unless bounds are given, none that a timer cannot wait is taken", () => {
  expect(durationOption()("0s")).toBe(0);
  expect(durationOption()("596h")).toBeLessThan(2 ** 31);
  expect(() => durationOption()("597h")).toThrow("from 0s to 596h");
});
