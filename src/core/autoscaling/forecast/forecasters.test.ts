/**
 * The conformance table of forecasters: all on the same series.
 */
import { describe, expect, test } from "@jest/globals";
import { Chance } from "../../../stats/chance.ts";
import { tested } from "./backtest.ts";
import type { Forecaster } from "./forecaster.ts";
import { FORECASTERS, forecasterNamed } from "./register.ts";

const SLOTS = 288;
const SEASON = { slotsPerDay: SLOTS };
const DAYS = 16;

type Series = (slot: number) => number;
const seriesOf = (days: number, value: Series) =>
  Float64Array.from({ length: days * SLOTS }, (_, slot) => value(slot));

const wave: Series = (slot) => 100 + 60 * Math.sin((2 * Math.PI * slot) / SLOTS);
/** A quiet Sunday beside six days alike. */
const week: Series = (slot) => wave(slot) * (Math.floor(slot / SLOTS) % 7 === 6 ? 0.5 : 1);
/** An hour of three times as much, at 20:00. */
const sale: Series = (slot) => wave(slot) * (slot % SLOTS >= 240 && slot % SLOTS < 252 ? 3 : 1);

function largestError(forecaster: Forecaster, value: Series, ahead: number): number {
  const run = forecaster.start(SEASON);
  let largest = 0;
  for (let slot = 0; slot < DAYS * SLOTS; slot++) {
    run.add(value(slot));
    const expected = run.forecast(ahead);
    if (slot < 8 * SLOTS) continue;
    largest = Math.max(largest, Math.abs((expected ?? Number.POSITIVE_INFINITY) - value(slot + ahead)));
  }
  return largest;
}

describe.each(FORECASTERS.map((forecaster) => [forecaster.name, forecaster] as const))(
  "%s",
  (name, forecaster) => {
    test("is found by its name", () => {
      expect(forecasterNamed(name)).toBe(forecaster);
    });

    test.each([1, 3, 24])("knows a day that returns, %i slots ahead", (ahead) => {
      // Of 160; the waves are of means of half an hour.
      expect(largestError(forecaster, wave, ahead)).toBeLessThan(1);
    });

    test("says nothing before it has looked back as far as it must, and never less than nothing", () => {
      const run = forecaster.start(SEASON);
      expect(run.forecast(1)).toBeUndefined();
      const random = new Chance(5);
      for (let slot = 0; slot < DAYS * SLOTS; slot++) {
        run.add(random.uniform() < 0.5 ? 0 : Number.NaN);
        expect(run.forecast(2) ?? 0).toBeGreaterThanOrEqual(0);
      }
      expect(run.forecast(1) ?? 0).toBeLessThan(1e-6);
    });

    test("is not thrown off by what is not known", () => {
      const run = forecaster.start(SEASON);
      const random = new Chance(6);
      for (let slot = 0; slot < DAYS * SLOTS; slot++)
        run.add(random.uniform() < 0.05 ? Number.NaN : wave(slot));
      for (let ahead = 1; ahead <= 12; ahead++) {
        const expected = run.forecast(ahead);
        if (expected !== undefined)
          expect(Math.abs(expected - wave(DAYS * SLOTS + ahead - 1))).toBeLessThan(8);
      }
    });

    test("sees nothing of what it is asked about", () => {
      const [one, other] = [forecaster.start(SEASON), forecaster.start(SEASON)];
      for (let slot = 0; slot < 9 * SLOTS; slot++) {
        one.add(sale(slot));
        other.add(sale(slot));
        other.forecast(1 + (slot % 24));
      }
      expect(other.forecast(5)).toBe(one.forecast(5));
    });

    test("shows no skill where the load comes by chance", () => {
      for (const seed of [1, 2, 3]) {
        const random = new Chance(seed);
        let level = 100;
        const walk = seriesOf(DAYS, () => {
          level = Math.max(10, level * Math.exp(0.1 * random.normal() - 0.001 * (level - 100)));
          return level;
        });
        expect(tested(forecaster, walk, 2, SEASON).isShown).toBe(false);
      }
    });
  },
);

test.each([
  ["DayBefore", sale, true],
  ["MedianOfDays", sale, true],
  ["WeekBefore", sale, true],
  ["HoltWinters", sale, true],
  ["WeekBefore", week, false],
] as const)("%s on a day with a sale or a week without one", (name, value, isShown) => {
  const forecaster = forecasterNamed(name);
  if (forecaster === undefined) throw new Error(`expected a forecaster ${name}`);
  const skill = tested(forecaster, seriesOf(DAYS, value), 2, SEASON);
  expect(skill.isShown).toBe(isShown);
});

test("the week before knows a Sunday, and the day before does not", () => {
  const errors = ["WeekBefore", "DayBefore"].map((name) => {
    const forecaster = forecasterNamed(name);
    return forecaster === undefined ? Number.NaN : largestError(forecaster, week, 1);
  });
  expect(errors[0]).toBeLessThan(1e-9);
  expect(errors[1]).toBeGreaterThan(50);
});
