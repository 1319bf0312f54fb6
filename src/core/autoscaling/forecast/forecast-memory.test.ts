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

/** What is remembered after so many days of a load. */
function after(days: number, rate: (slot: number) => number): [LoadHistory, ForecastMemory] {
  let [history, memory] = [emptyHistory(), NO_FORECAST];
  for (let slot = 0; slot < days * SLOTS_PER_DAY; slot++) {
    history = withRate(history, slot, rate(slot));
    memory = nextForecast(memory, history, (slot + 1) * SLOT_MILLISECONDS, COLD_START);
  }
  return [history, memory];
}

describe("a sale that returns every day", () => {
  const [history, memory] = after(5, rateAt);
  const saleBegins = (5 * SLOTS_PER_DAY + 240) * SLOT_MILLISECONDS;

  test("is expected, by a forecaster that has shown skill", () => {
    expect(memory.skills).toHaveLength(5);
    expect(memory.skills.find(({ name }) => name === memory.used)?.isShown).toBe(true);
    expect(memory.expected).toHaveLength(24);
  });

  test("lifts what is expected as early as a replica takes, and not hours before", () => {
    let [known, next] = [history, memory];
    const lifted: number[] = [];
    for (let slot = 5 * SLOTS_PER_DAY; slot < 5 * SLOTS_PER_DAY + 240; slot++) {
      const now = slot * SLOT_MILLISECONDS;
      next = nextForecast(next, known, now, COLD_START);
      if ((expectedRate(next, now, COLD_START) ?? 0) > 200) lifted.push(now);
      known = withRate(known, slot, rateAt(slot));
    }
    expect(lifted[0]).toBeLessThanOrEqual(saleBegins - COLD_START);
    expect(lifted[0]).toBeGreaterThanOrEqual(saleBegins - COLD_START - 2 * SLOT_MILLISECONDS);
  });

  test("serves for two hours without news, and then there is no forecast", () => {
    const now = 5 * SLOTS_PER_DAY * SLOT_MILLISECONDS;
    expect(expectedRate(memory, now + 23 * SLOT_MILLISECONDS, COLD_START)).toBeCloseTo(100, 0);
    expect(expectedRate(memory, now + 24 * SLOT_MILLISECONDS, COLD_START)).toBeUndefined();
    expect(expectedRate(memory, now - SLOT_MILLISECONDS, COLD_START)).toBeUndefined();
  });

  test("is looked at once in a slot", () => {
    expect(nextForecast(memory, history, 5 * SLOTS_PER_DAY * SLOT_MILLISECONDS + 1, COLD_START)).toBe(memory);
  });
});

test("a load without a pattern has no forecast", () => {
  const random = new Chance(7);
  let level = 100;
  const [, memory] = after(5, () => {
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
