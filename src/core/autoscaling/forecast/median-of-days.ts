/**
 * The median of the same time of the last days: one odd day, or one sale that did not return, moves it little.
 */
import type { Forecaster } from "./forecaster.ts";
import { PastValues } from "./past-values.ts";

const DAYS = 5;
/** Of fewer days a median is no protection. */
const LEAST_DAYS = 3;

/** The median of five days, or of those of them that are known. */
export const MEDIAN_OF_DAYS: Forecaster = {
  name: "MedianOfDays",
  memoryDays: DAYS,
  start({ slotsPerDay }) {
    const past = new PastValues(DAYS * slotsPerDay);
    return {
      add: (value) => past.add(value),
      forecast(ahead) {
        const first = slotsPerDay - 1 - ((ahead - 1) % slotsPerDay);
        const known: number[] = [];
        for (let day = 0; day < DAYS; day++) {
          const value = past.ago(first + day * slotsPerDay);
          if (value !== undefined) known.push(value);
        }
        return known.length < LEAST_DAYS ? undefined : medianOf(known);
      },
    };
  },
};

/** Sorts by insertion: of five values it is asked thousands of times. */
function medianOf(values: number[]): number {
  for (let at = 1; at < values.length; at++) {
    const value = values[at] ?? 0;
    let place = at;
    for (; place > 0 && (values[place - 1] ?? 0) > value; place--) values[place] = values[place - 1] ?? 0;
    values[place] = value;
  }
  const middle = values.length / 2;
  return ((values[Math.floor(middle)] ?? 0) + (values[Math.ceil(middle) - 1] ?? 0)) / 2;
}
