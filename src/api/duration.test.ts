import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { DurationError, formatDuration, parseDurationMilliseconds } from "./duration.ts";

describe("parseDurationMilliseconds", () => {
  test.each([
    ["0", 0],
    ["0s", 0],
    ["500ms", 500],
    ["10s", 10_000],
    ["1.5s", 1_500],
    ["0.1s", 100],
    ["1.5ms", 1.5],
    ["1m", 60_000],
    ["1h30m", 5_400_000],
    ["30m1h", 5_400_000],
    ["336h", 1_209_600_000],
    ["000007m", 420_000],
    ["0000007m", 420_000],
    ["999999h", 999_999 * 3_600_000],
    ["1h1m1s1ms", 3_661_001],
    ["0.0000001ms", 0],
    ["2562047h", 2_562_047 * 3_600_000],
  ])("%s is %d ms", (text, milliseconds) => {
    expect(parseDurationMilliseconds(text)).toBe(milliseconds);
  });

  test.each([
    "",
    " ",
    "1",
    "s",
    "-1s",
    "+1s",
    "1 s",
    "1s ",
    "1.s",
    ".5s",
    "1,5s",
    "1us",
    "1d",
    "1S",
    "1e3s",
    "NaN",
    "Infinity",
    "１s",
    "2562048h",
    "9".repeat(31).concat("h"),
    "1s".repeat(17),
  ])("%j is refused", (text) => {
    expect(() => parseDurationMilliseconds(text)).toThrow(DurationError);
  });

  test("the message names what was expected and what came, bounded", () => {
    expect(() => parseDurationMilliseconds("5 minutes")).toThrow(/expected a duration such as .*"5 minutes"/);
    expect(() => parseDurationMilliseconds("x".repeat(10_000))).toThrow(/^.{0,250}$/);
  });
});

describe("formatDuration", () => {
  test.each([
    [0, "0s"],
    [1.5, "1.5ms"],
    [500, "500ms"],
    [10_000, "10s"],
    [1_500, "1s500ms"],
    [60_000, "1m"],
    [5_400_000, "1h30m"],
    [90_061_001, "25h1m1s1ms"],
    [0.9999999, "1ms"],
    [999.9999999, "1s"],
  ])("%d ms is %s", (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });

  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, 1e20])("%d is refused", (milliseconds) => {
    expect(() => formatDuration(milliseconds)).toThrow(DurationError);
  });

  test("what it writes reads back as the same", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 43 }), (milliseconds) => {
        expect(parseDurationMilliseconds(formatDuration(milliseconds))).toBe(milliseconds);
      }),
    );
  });
});
