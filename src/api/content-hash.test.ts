import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { canonicalJson, contentHash } from "./content-hash.ts";

function reversed(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(reversed);
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, child]) => [key, reversed(child)]),
  );
}

test("the order of keys does not count, that of lists does", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => expect(canonicalJson(reversed(value))).toBe(canonicalJson(value))),
  );
  expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
});

test("keys are in the order of their characters, also those that look like numbers", () => {
  expect(canonicalJson({ b: 1, "10": 2, a: [undefined, { "9": '"\n' }] })).toBe(
    String.raw`{"10":2,"a":[null,{"9":"\"\n"}],"b":1}`,
  );
});

test("an absent field is as one that is undefined", () => {
  expect(canonicalJson({ a: 1, b: undefined })).toBe(canonicalJson({ a: 1 }));
});

test("the text is JSON of the same value", () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: "binary" }), (value) =>
      expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value))),
    ),
  );
});

test("a hash has ten characters without vowels, and never changes: names in clusters are made from it", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => expect(contentHash(value)).toMatch(/^[b-df-hj-np-tv-z0-9]{10}$/)),
  );
  expect(contentHash(["ranker", { model: 1 }])).toBe("w9z7hccsf7");
});
