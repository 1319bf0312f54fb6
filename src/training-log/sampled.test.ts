import { expect, test } from "@jest/globals";
import { isSampled } from "./sampled.ts";

const COUNT = 20_000;

/** Ids as they come: the first half, the second half or both differ. */
const IDS = {
  "in the first half": (number: number) => idOf(number, 0),
  "in the second half": (number: number) => idOf(0, number),
  "in both": (number: number) => idOf(Math.imul(number, 0x9e37_79b1), number),
};

function idOf(first: number, second: number): Uint8Array {
  const id = Buffer.alloc(8);
  id.writeUInt32BE(first >>> 0, 0);
  id.writeUInt32BE(second >>> 0, 4);
  return id;
}

const sampledOf = (make: (number: number) => Uint8Array, share: number) =>
  Array.from({ length: COUNT }, (_, number) => number).filter((number) => isSampled(make(number), share));

test.each(Object.entries(IDS))(
  "a sample is the share that was asked for, of ids that differ %s",
  (_, make) => {
    expect(sampledOf(make, 0)).toEqual([]);
    expect(sampledOf(make, 1)).toHaveLength(COUNT);
    for (const share of [0.01, 0.1, 0.5]) {
      // Six standard deviations.
      const slack = 6 * Math.sqrt(COUNT * share * (1 - share));
      expect(Math.abs(sampledOf(make, share).length - COUNT * share)).toBeLessThan(slack);
    }
  },
);

test("a larger sample has all that is in a smaller one", () => {
  const larger = new Set(sampledOf(IDS["in both"], 0.2));
  expect(sampledOf(IDS["in both"], 0.05).every((number) => larger.has(number))).toBe(true);
});

test("both sides agree for good: of these ids the first and the third are in a sample of a half", () => {
  const ids = ["0011223344554677", "ffffffffffffffff", "0000000000000000", "a1b2c3d4e5f60718"];
  expect(ids.map((id) => isSampled(Buffer.from(id, "hex"), 0.5))).toEqual([true, false, true, false]);
});
