import { describe, expect, test } from "@jest/globals";
import { armOf, placeOf } from "./arm-check.ts";

test.each([
  ["user-1", "a1", 3_686],
  ["user-42", "ranker-7f3c", 9_602],
  ["", "", 1_481],
  ["né-ユーザー", "salt", 8_050],
  ["x".repeat(200), "long", 536],
])(
  "the place of %j with the salt %j is %d, as the reference implementation of xxHash has it",
  (user, salt, place) => {
    expect(placeOf(user, salt)).toBe(place);
  },
);

describe("arms", () => {
  test.each([
    [[3_686, 6_314], 1],
    [[3_687, 6_313], 0],
    [[0, 10_000], 1],
    [[10_000, 0], 0],
    [[1_000, 2_686, 6_314], 2],
    [[1_000, 2_687, 6_313], 1],
    [[1_000, 1_000], undefined],
    [[], undefined],
  ])("weights %p give the user at 3686 arm %p", (weights, arm) => {
    expect(armOf("user-1", "a1", weights)).toBe(arm);
  });

  test("whoever is in at 10 % stays in at 30 %, and shares are as the weights", () => {
    const users = Array.from({ length: 20_000 }, (_, index) => `user-${index}`);
    const at = (weight: number) => users.filter((user) => armOf(user, "s", [weight, 10_000 - weight]) === 0);
    const [early, late] = [at(1_000), new Set(at(3_000))];
    expect(early.every((user) => late.has(user))).toBe(true);
    expect(early.length / users.length).toBeCloseTo(0.1, 1);
    expect(late.size / users.length).toBeCloseTo(0.3, 1);
  });

  test("another salt draws other users", () => {
    const users = Array.from({ length: 2_000 }, (_, index) => `user-${index}`);
    const both = users.filter((user) => placeOf(user, "a") < 5_000 && placeOf(user, "b") < 5_000);
    expect(both.length / users.length).toBeCloseTo(0.25, 1);
  });
});
