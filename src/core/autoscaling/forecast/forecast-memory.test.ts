import { describe, expect, test } from "@jest/globals";
import { Chance } from "../../../stats/chance.ts";
import { chosen, type Skill } from "./backtest.ts";
import {
  expectedRate,
  type ForecastMemory,
  NO_FORECAST,
  nextForecast,
  slotsAhead,
} from "./forecast-memory.ts";
import {
  emptyHistory,
  type LoadHistory,
  SLOT_MILLISECONDS,
  SLOTS_PER_DAY,
  withRate,
} from "./load-history.ts";

const COLD_START = 180_000;
const rateAt = (slot: number) => (slot % SLOTS_PER_DAY >= 240 && slot % SLOTS_PER_DAY < 252 ? 300 : 100);

/** What is remembered after so many slots of a load, looked at in the last five: each forecaster has had its turn. */
function after(slots: number, rate: (slot: number) => number): [LoadHistory, ForecastMemory] {
  const rates = Float64Array.from({ length: slots }, (_, slot) => rate(slot));
  let memory = NO_FORECAST;
  for (let over = slots - 4; over <= slots; over++) {
    const history = { lastSlot: over - 1, rates: rates.subarray(0, over) };
    memory = nextForecast(memory, history, over * SLOT_MILLISECONDS, COLD_START);
  }
  return [{ lastSlot: slots - 1, rates }, memory];
}

describe("a sale that returns every day", () => {
  const sale = 5 * SLOTS_PER_DAY + 240;
  /** Two hours before the sale. */
  const slots = sale - 24;
  const now = slots * SLOT_MILLISECONDS;
  const [history, memory] = after(slots, rateAt);
  const saleBegins = sale * SLOT_MILLISECONDS;

  test("is expected, by a forecaster that has shown skill", () => {
    expect(memory.skills).toHaveLength(5);
    expect(memory.skills.find(({ name }) => name === memory.used)?.isShown).toBe(true);
    expect(memory.expected).toHaveLength(24);
  });

  test("lifts what is expected as early as a replica takes, and not hours before", () => {
    let [known, next] = [history, memory];
    const lifted: number[] = [];
    for (let slot = slots; slot < sale; slot++) {
      const time = slot * SLOT_MILLISECONDS;
      next = nextForecast(next, known, time, COLD_START);
      if ((expectedRate(next, time, COLD_START) ?? 0) > 200) lifted.push(time);
      known = withRate(known, slot, rateAt(slot));
    }
    expect(lifted[0]).toBeLessThanOrEqual(saleBegins - COLD_START);
    expect(lifted[0]).toBeGreaterThanOrEqual(saleBegins - COLD_START - 2 * SLOT_MILLISECONDS);
  });

  test("serves for two hours without news, and then there is no forecast", () => {
    // The last slot that is expected is that of before the sale.
    expect(expectedRate(memory, now + 23 * SLOT_MILLISECONDS, COLD_START)).toBeCloseTo(100, 0);
    expect(expectedRate(memory, now + 24 * SLOT_MILLISECONDS, COLD_START)).toBeUndefined();
    expect(expectedRate(memory, now - SLOT_MILLISECONDS, COLD_START)).toBeUndefined();
  });

  test("is looked at once in a slot", () => {
    expect(nextForecast(memory, history, now + 1, COLD_START)).toBe(memory);
  });
});

test("a load without a pattern has no forecast", () => {
  const random = new Chance(7);
  let level = 100;
  const [, memory] = after(5 * SLOTS_PER_DAY, () => {
    level = Math.max(10, level * Math.exp(0.1 * random.normal() - 0.001 * (level - 100)));
    return level;
  });
  expect(memory.skills).toHaveLength(5);
  expect([memory.used, memory.expected]).toEqual([undefined, []]);
  expect(expectedRate(memory, 5 * SLOTS_PER_DAY * SLOT_MILLISECONDS, COLD_START)).toBeUndefined();
  expect(nextForecast(NO_FORECAST, emptyHistory(), 0, COLD_START)).toBe(NO_FORECAST);
});

test.each([
  [0, 1],
  [180_000, 2],
  [420_000, 3],
  [86_400_000, 24],
])("a replica that takes %i ms must be there for %i slots", (coldStart, slots) => {
  expect(slotsAhead(coldStart)).toBe(slots);
});

test("the best of those that have shown skill is chosen, the first of equals", () => {
  const skill = (name: string, value: number, isShown: boolean): Skill => ({
    name,
    skill: value,
    days: 7,
    isShown,
  });
  expect(chosen([skill("a", 0.9, false)])).toBeUndefined();
  expect(chosen([skill("a", 0.9, false), skill("b", 0.3, true), skill("c", 0.3, true)])?.name).toBe("b");
});
