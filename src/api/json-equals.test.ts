import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { canonicalJson } from "./content-hash.ts";
import { jsonEquals } from "./json-equals.ts";

const values = fc.jsonValue();

test("values are equal when their canonical texts are", () => {
  fc.assert(
    fc.property(values, values, (left, right) => {
      expect(jsonEquals(left, right)).toBe(canonicalJson(left) === canonicalJson(right));
      expect(jsonEquals(left, JSON.parse(JSON.stringify(left)))).toBe(true);
    }),
  );
});

test.each([
  [{ a: 1 }, { a: 1, b: undefined }, true],
  [{ a: 1, b: 2 }, { b: 2, a: 1 }, true],
  [{ a: 1 }, { a: 1, b: null }, false],
  [{}, JSON.parse('{"__proto__": {}}'), false],
  [[1, 2], [2, 1], false],
  [{}, [], false],
])("%j and %j: %s", (left, right, areEqual) => {
  expect(jsonEquals(left, right)).toBe(areEqual);
  expect(jsonEquals(right, left)).toBe(areEqual);
});
