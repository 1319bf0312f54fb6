import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { GROUPS } from "../token/tags.ts";
import { addEncoded, addVector, encodeVector, exact, newVector } from "./group-vector.ts";

const entries = fc.array(fc.tuple(fc.nat(GROUPS - 1), fc.double({ noNaN: true, min: -1e6, max: 1e6 })));

function vectorOf(pairs: readonly (readonly [number, number])[]): Float64Array {
  const vector = newVector();
  for (const [group, value] of pairs) vector[group] = (vector[group] ?? 0) + exact(value);
  return vector;
}

test("what is stored reads back, whatever is zero", () => {
  fc.assert(
    fc.property(entries, (pairs) => {
      const vector = vectorOf(pairs);
      const read = newVector();
      addEncoded(read, Uint8Array.from(encodeVector(vector)));
      expect(read).toEqual(vector);
    }),
  );
  expect(encodeVector(newVector())).toHaveLength(16);
});

test("sums are the same in any order, to the last bit", () => {
  fc.assert(
    fc.property(entries, (pairs) => {
      const forwards = vectorOf(pairs);
      const backwards = newVector();
      for (const pair of pairs.toReversed()) addVector(backwards, vectorOf([pair]));
      expect(backwards.every((value, group) => value === forwards[group])).toBe(true);
    }),
  );
});
