/**
 * That the estimate of distinct items is near the truth for catalogues of any size, and that counters add.
 */
import { expect, test } from "@jest/globals";
import { counterOf, DISTINCT_COUNTERS, seenShare } from "./distinct-items.ts";

function countersOf(items: Iterable<number>, catalogueSize: number): Float64Array {
  const counters = new Float64Array(DISTINCT_COUNTERS);
  for (const item of items) {
    const counter = counterOf(`item-${item}`, catalogueSize);
    if (counter !== undefined) counters[counter] = (counters[counter] ?? 0) + 1;
  }
  return counters;
}

function* upTo(count: number, from = 0): Generator<number> {
  for (let item = from; item < count; item++) yield item;
}

test.each([
  [100, 1],
  [100, 0.37],
  [5_000, 0.5],
  [20_000, 0.02],
  [20_000, 0.95],
  [300_000, 0.1],
  [300_000, 0.6],
])("of %d items, a share of %d is found again", (size, share) => {
  const found = seenShare(countersOf(upTo(size * share), size), size);
  expect(Math.abs(found - share)).toBeLessThan(0.05 * share + 0.01);
});

test("an item that is shown again changes nothing, and counters of replicas add", () => {
  const [low, high] = [countersOf(upTo(700), 2_000), countersOf(upTo(1_000, 500), 2_000)];
  const sum = low.map((count, index) => count + (high[index] ?? 0));
  expect(seenShare(sum, 2_000)).toBe(seenShare(countersOf(upTo(1_000), 2_000), 2_000));
});

test("a catalogue that is larger than was declared counts as wholly seen", () => {
  expect(seenShare(countersOf(upTo(200_000), 1_000), 1_000)).toBe(1);
});

test("nothing seen is a share of 0", () => {
  expect(seenShare(new Float64Array(DISTINCT_COUNTERS), 1_000)).toBe(0);
});
