/**
 * Percentages, read and written without rounding.
 */
import { expect, test } from "@jest/globals";
import { formatPercentage, PercentageError, parsePercentage, parseShare } from "./percentage.ts";

test.each([
  ["0%", 0],
  ["0.01%", 1],
  ["0.5%", 50],
  ["0.29%", 29],
  ["1%", 100],
  ["33.33%", 3_333],
  ["100%", 10_000],
])("%s is %i parts of 10,000, and back", (text, weight) => {
  expect(parsePercentage(text)).toBe(weight);
  expect(formatPercentage(weight)).toBe(text);
});

test("every weight is written as what is read as that weight", () => {
  for (let weight = 0; weight <= 10_000; weight++)
    expect(parsePercentage(formatPercentage(weight))).toBe(weight);
});

test("a zero at the end says nothing more", () => {
  expect(parsePercentage("0.50%")).toBe(50);
  expect(parsePercentage("010%")).toBe(1_000);
});

test.each(["", "%", "10", "10 %", "-1%", "0.001%", "100.01%", "101%", "1e1%", ".5%", "1.%", "1000%"])(
  "%j is no percentage",
  (text) => {
    expect(() => parsePercentage(text)).toThrow(PercentageError);
    expect(() => parsePercentage(text)).toThrow("expected a percentage from 0% to 100%");
  },
);

test("a share may be more than all", () => {
  expect(["0%", "0.5%", "100%", "250%", "999.99%"].map(parseShare)).toEqual([0, 0.005, 1, 2.5, 9.9999]);
  expect(() => parseShare("1000%")).toThrow(PercentageError);
  expect(() => parseShare("10")).toThrow('expected a percentage such as 10% or 0.5%, got "10"');
});
