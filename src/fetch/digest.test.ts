import { expect, test } from "@jest/globals";
import { finishDigest, isDigest, startDigest } from "./digest.ts";

test("the digest of no bytes is the one that everybody has for them", () => {
  const empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  expect(finishDigest(startDigest())).toBe(empty);
  expect(isDigest(empty)).toBe(true);
});

const HEX = "0123456789abcdef".repeat(4);

test.each([
  [`sha256:${HEX}`, true],
  [`sha256:${HEX.toUpperCase()}`, false],
  [`SHA256:${HEX}`, false],
  [`sha256:${HEX}0`, false],
  [`sha256:${HEX.slice(1)}`, false],
  [`sha256:${HEX}\n`, false],
  [`sha512:${HEX}${HEX}`, false],
  [`md5:${HEX.slice(32)}`, false],
  [HEX, false],
  ["", false],
])("%j is a digest: %s", (text, valid) => {
  expect(isDigest(text)).toBe(valid);
});
