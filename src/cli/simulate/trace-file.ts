/**
 * A file of times and values as a trace: values of minutes, in requests a second.
 *
 * A minute without a value is as the one before it, and is counted, so that a file with holes is not taken for a whole one.
 */
import type { DataRecord } from "../../records/data-records.ts";
import { slotValues } from "../anomalies/slot-values.ts";
import type { LoadTrace } from "./load-trace.ts";

const STEP_MILLISECONDS = 60_000;

/** Where time and value stand, and what a value counts. */
export interface TraceColumns {
  readonly time: string;
  readonly value: string;
  /** Seconds whose requests a value counts. */
  readonly perSeconds: number;
}

/** A trace, and how whole it was. */
export interface ReadTrace {
  readonly trace: LoadTrace;
  /** Minutes that had no value. */
  readonly missing: number;
}

/**
 * Reads it.
 *
 * @throws {RecordError} for the first record that is none.
 * @throws {RangeError} for a negative value, none at all, or more minutes than allowed.
 */
export async function readTrace(
  records: AsyncIterable<DataRecord>,
  { time, value, perSeconds }: TraceColumns,
  mostSteps: number,
): Promise<ReadTrace> {
  const rates: number[] = [];
  let [first, missing] = [0, 0];
  for await (const { slot, value: found } of slotValues(records, {
    time,
    value,
    slotMilliseconds: STEP_MILLISECONDS,
  })) {
    if (rates.length === 0) first = slot;
    if (slot - first >= mostSteps) throw new RangeError(`expected at most ${mostSteps} minutes`);
    if (found !== undefined && found < 0)
      throw new RangeError(`expected "${value}" not to be negative, got ${found}`);
    for (; rates.length < slot - first; missing++) rates.push(rates.at(-1) ?? 0);
    if (found === undefined) missing++;
    rates.push(found === undefined ? (rates.at(-1) ?? 0) : found / perSeconds);
  }
  if (!rates.some((rate) => rate > 0)) throw new RangeError(`expected a "${value}" above 0, got none`);
  const startMilliseconds = first * STEP_MILLISECONDS;
  return { trace: { startMilliseconds, stepSeconds: 60, rates: Float64Array.from(rates) }, missing };
}
