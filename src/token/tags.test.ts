import { expect, test } from "@jest/globals";
import { HmacKey } from "./hmac-sha256.ts";
import { anonymousTag, GROUPS, groupOf, nameTag, userTag } from "./tags.ts";

const KEY = new HmacKey(Buffer.alloc(32, 1));

test("a user has the same tag under the same key, and another under another key", () => {
  expect(userTag("u-1", KEY)).toEqual(userTag("u-1", KEY));
  expect(userTag("u-1", KEY)).not.toEqual(userTag("u-2", KEY));
  expect(userTag("u-1", KEY)).not.toEqual(userTag("u-1", new HmacKey(Buffer.alloc(32, 2))));
});

test("no user id passes for a request without a user", () => {
  const requestId = Buffer.from("12345678");
  expect(anonymousTag(requestId, KEY)).not.toEqual(userTag("12345678", KEY));
});

test("very long ids differ by their last character", () => {
  const long = "x".repeat(100_000);
  expect(userTag(`${long}a`, KEY)).not.toEqual(userTag(`${long}b`, KEY));
});

test("users fall into all groups alike", () => {
  const counts = new Array<number>(GROUPS).fill(0);
  const users = 25_600;
  for (let user = 0; user < users; user++) {
    const group = groupOf(userTag(`user-${user}`, KEY));
    counts[group] = (counts[group] ?? 0) + 1;
  }
  const expected = users / GROUPS;
  const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  // The 99.99 % quantile of chi-square with 127 degrees of freedom.
  expect(chiSquare).toBeLessThan(193);
});

test("names have tags of 32 bits", () => {
  expect(nameTag("ranker")).toBe(nameTag("ranker"));
  expect(nameTag("ranker")).not.toBe(nameTag("ranker-2"));
  expect(Number.isInteger(nameTag("ranker")) && nameTag("ranker") < 2 ** 32).toBe(true);
});
