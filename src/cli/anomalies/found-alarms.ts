/**
 * The alarms that a watch would have raised on a series that is over.
 */
import type { DetectorType } from "../../anomaly/detector.ts";
import { SeriesWatch, type WatchSettings } from "../../anomaly/series-watch.ts";
import type { SlotValue } from "./slot-values.ts";

/** One alarm, from its beginning to its end. Times are those of the beginnings of slots. */
export interface FoundAlarm {
  readonly series: string;
  /** Since when something is wrong, by what was known when it was raised. */
  readonly since: string;
  /** When it was raised, and when it was over; null when it goes on. */
  readonly raised: string;
  readonly ended: string | null;
  /** The detectors that raised it. */
  readonly detectors: readonly DetectorType[];
  /** The value with which it was raised, and the band in which one was expected. */
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** What came of a whole series. */
export interface FoundAlarms {
  /** First and last slot with a value; null of an empty series. */
  readonly from: string | null;
  readonly to: string | null;
  /** Slots with a value, and those without one in between. */
  readonly values: number;
  readonly missing: number;
  readonly alarms: readonly FoundAlarm[];
}

/** Watches a series from its first value to its last. */
export async function foundAlarms(
  series: AsyncIterable<SlotValue>,
  settings: WatchSettings,
  slotMilliseconds: number,
): Promise<FoundAlarms> {
  const timeOf = (slot: number) => new Date(slot * slotMilliseconds).toISOString();
  const watch = new SeriesWatch(settings);
  const alarms: FoundAlarm[] = [];
  let [first, values]: [number | undefined, number] = [undefined, 0];
  let current: FoundAlarm | undefined;
  const look = (slot: number, value: number | undefined) => {
    const anomaly = watch.look(slot, value);
    if (anomaly === undefined && current !== undefined) {
      alarms.push({ ...current, ended: timeOf(slot) });
      current = undefined;
    } else if (anomaly !== undefined) {
      current ??= { ...anomaly, since: timeOf(anomaly.since), raised: timeOf(slot), ended: null };
    }
  };
  let next: number | undefined;
  for await (const { slot, value } of series) {
    // Slots that the series has not are gone through while there is an alarm: it may end in one of them.
    for (next ??= slot; current !== undefined && next < slot; next++) look(next, undefined);
    look(slot, value);
    next = slot + 1;
    if (value === undefined) continue;
    first ??= slot;
    values++;
  }
  if (current !== undefined) alarms.push(current);
  const isEmpty = first === undefined;
  return {
    from: first === undefined ? null : timeOf(first),
    to: isEmpty ? null : timeOf(watch.slot),
    values,
    missing: first === undefined ? 0 : watch.slot - first + 1 - values,
    alarms,
  };
}
