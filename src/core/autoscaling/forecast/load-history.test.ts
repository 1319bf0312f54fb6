import { describe, expect, test } from "@jest/globals";
import {
  emptyHistory,
  HISTORY_BYTES,
  HISTORY_DAYS,
  historyOf,
  type LoadHistory,
  overBy,
  SLOT_MILLISECONDS,
  SLOTS_PER_DAY,
  storedHistory,
  withRate,
} from "./load-history.ts";

const MOST = HISTORY_DAYS * SLOTS_PER_DAY;
const historyWith = (lastSlot: number, rates: readonly number[]): LoadHistory => ({
  lastSlot,
  rates: Float64Array.from(rates),
});

test.each([
  ["the first", emptyHistory(), 100, 5, 100, [5]],
  ["the next slot", historyWith(100, [5]), 101, 6, 101, [5, 6]],
  ["a higher minute of the same slot", historyWith(100, [5]), 100, 6, 100, [6]],
  ["a lower minute of the same slot", historyWith(100, [5]), 100, 4, 100, [5]],
  ["the first known minute of a slot", historyWith(100, [Number.NaN]), 100, 4, 100, [4]],
  [
    "a slot after some that are not known",
    historyWith(100, [5]),
    103,
    6,
    103,
    [5, Number.NaN, Number.NaN, 6],
  ],
  ["nothing of a slot of before", historyWith(100, [5]), 99, 6, 100, [5]],
] as const)("takes %s", (_, before, slot, rate, lastSlot, rates) => {
  expect(withRate(before, slot, rate)).toEqual(historyWith(lastSlot, rates));
});

test("keeps three weeks, the newest", () => {
  const full = historyWith(
    MOST,
    Array.from({ length: MOST }, (_, at) => at),
  );
  const next = withRate(full, MOST + 2, 7);
  expect(next.rates).toHaveLength(MOST);
  expect([...next.rates.slice(0, 2), ...next.rates.slice(-3)]).toEqual([2, 3, MOST - 1, Number.NaN, 7]);
  const monthsLater = withRate(full, 10 * MOST, 7);
  expect(monthsLater.rates).toHaveLength(MOST);
  expect(monthsLater.rates.filter((rate) => !Number.isNaN(rate))).toEqual(Float64Array.of(7));
});

test("a slot that goes on is not over", () => {
  const history = historyWith(100, [5, 6]);
  expect(overBy(history, 101 * SLOT_MILLISECONDS - 1)).toEqual(historyWith(99, [5]));
  expect(overBy(history, 101 * SLOT_MILLISECONDS)).toEqual(history);
});

describe("as it is stored", () => {
  test("it keeps rates to a quarter of a thousandth, and what is not known", () => {
    const rates = [Number.NaN, 0, 1 / 3_600, 0.5, 437.25, 2.5e6, 1e12];
    const { rates: read, lastSlot } = historyOf(
      JSON.parse(JSON.stringify(storedHistory(historyWith(9, rates)))),
    );
    expect(lastSlot).toBe(9);
    expect(read[0]).toBeNaN();
    expect(read[1]).toBe(0);
    rates.slice(2, 6).forEach((rate, at) => {
      expect(Math.abs((read[at + 2] ?? 0) / rate - 1)).toBeLessThanOrEqual(0.000_251);
    });
    // More than can be written is the most that can.
    expect(read[6]).toBeGreaterThan(1e9);
  });

  test("it is small", () => {
    const { rates } = storedHistory(
      historyWith(
        9,
        Array.from({ length: MOST }, (_, at) => at),
      ),
    );
    expect([HISTORY_BYTES, rates.length]).toEqual([12_096, 16_128]);
  });

  test.each([
    undefined,
    "text",
    {},
    { lastSlot: 1 },
    { lastSlot: -1, rates: "AAA=" },
    { lastSlot: 0.5, rates: "AAA=" },
    { lastSlot: 1, rates: "AA==" },
    { lastSlot: 1, rates: "A".repeat(16_132) },
  ])("what was not written so is nothing: %j", (stored) => {
    expect(historyOf(stored)).toEqual(emptyHistory());
  });
});
