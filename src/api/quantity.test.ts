/**
 * Equality of Kubernetes quantities.
 */
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { quantitiesAreEqual } from "./quantity.ts";

test.each([
  ["1000m", "1"],
  ["1", "1.000"],
  [".5", "500m"],
  ["0.5", "500000u"],
  ["1Gi", "1024Mi"],
  ["1.5Gi", "1536Mi"],
  ["1k", "1000"],
  ["1e3", "1k"],
  ["1E3", "1000"],
  ["12e-1", "1200m"],
  ["1000000000n", "1"],
  ["1E", "1000P"],
  ["-1", "-1000m"],
  ["0", "0Ki"],
  ["9007199254740993", "9007199254740993000m"],
])("%s is %s", (left, right) => {
  expect(quantitiesAreEqual(left, right)).toBe(true);
  expect(quantitiesAreEqual(right, left)).toBe(true);
});

test.each([
  ["1", "2"],
  ["1Gi", "1G"],
  ["1m", "1M"],
  ["9007199254740993", "9007199254740992"],
  ["", ""],
  ["1 ", "1"],
  ["one", "one"],
  ["1Kii", "1Kii"],
  ["0x10", "16"],
  ["1e999", "1e999"],
])("%j is not %j", (left, right) => {
  expect(quantitiesAreEqual(left, right)).toBe(false);
});

test("thousandths are the same as whole units", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 18n }), (units) =>
      quantitiesAreEqual(`${units}`, `${units * 1000n}m`),
    ),
  );
});
