/**
 * Holt and Winters: a level and a value for each time of the day, both smoothed (Winters, Management Science 6, 1960,
 * additive). Without a trend: over the minutes that a replica takes, one of a day's curve is noise, and drawn out it is a
 * sale that nobody announced.
 */
import type { Forecaster } from "./forecaster.ts";

/** The level forgets half in about an hour of slots of 5 minutes; times of the day in about two days. */
const LEVEL_WEIGHT = 0.06;
const SEASON_WEIGHT = 0.3;

/** Additive, of one day. */
export const HOLT_WINTERS: Forecaster = {
  name: "HoltWinters",
  memoryDays: 7,
  start({ slotsPerDay }) {
    const seasonal = new Float64Array(slotsPerDay);
    let [slot, sum, known, level] = [0, 0, 0, Number.NaN];
    return {
      add(value) {
        const place = slot % slotsPerDay;
        if (slot < slotsPerDay) {
          // The first day is the season, around its own mean.
          seasonal[place] = value;
          if (!Number.isNaN(value)) [sum, known] = [sum + value, known + 1];
        }
        slot++;
        if (slot === slotsPerDay && known > 0) {
          level = sum / known;
          for (let at = 0; at < slotsPerDay; at++) {
            const first = seasonal[at] ?? Number.NaN;
            seasonal[at] = Number.isNaN(first) ? 0 : first - level;
          }
        } else if (slot > slotsPerDay && !Number.isNaN(value)) {
          if (Number.isNaN(level)) level = value;
          const before = seasonal[place] ?? 0;
          level += LEVEL_WEIGHT * (value - before - level);
          seasonal[place] = before + SEASON_WEIGHT * (value - level - before);
        }
      },
      forecast(ahead) {
        if (Number.isNaN(level)) return undefined;
        return Math.max(0, level + (seasonal[(slot + ahead - 1) % slotsPerDay] ?? 0));
      },
    };
  },
};
