import { expect, test } from "@jest/globals";
import { ageText } from "./age-text.ts";

test.each([
  [0, "0s"],
  [119, "119s"],
  [120, "2m"],
  [7_199, "119m"],
  [7_200, "2h"],
  [172_799, "47h"],
  [172_800, "2d"],
  [-5, "0s"],
])("%s seconds are %s", (seconds, text) => {
  expect(ageText(new Date(1e12).toISOString(), 1e12 + seconds * 1000)).toBe(text);
});

test("no time is none", () => {
  expect(ageText(undefined, 0)).toBe("-");
  expect(ageText("yesterday", 0)).toBe("-");
});
