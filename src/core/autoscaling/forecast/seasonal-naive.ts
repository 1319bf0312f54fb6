/**
 * Seasonal naive: what was at the same time of the day, or of the week, before. The reference that others must beat.
 */
import type { Forecaster, ForecastRun, Season } from "./forecaster.ts";
import { PastValues } from "./past-values.ts";

function seasonalNaive(name: string, days: number): Forecaster {
  return {
    name,
    memoryDays: days,
    start({ slotsPerDay }: Season): ForecastRun {
      const season = days * slotsPerDay;
      const past = new PastValues(season);
      return {
        add: (value) => past.add(value),
        forecast: (ahead) => past.ago(season - 1 - ((ahead - 1) % season)),
      };
    },
  };
}

/** The day before. */
export const DAY_BEFORE = seasonalNaive("DayBefore", 1);
/** The same day of the week before. */
export const WEEK_BEFORE = seasonalNaive("WeekBefore", 7);
