/**
 * Records of time and value as one value for each slot of time: the mean of those that fall into it.
 *
 * A time that could be meant in two ways, or that goes back, is refused and never guessed; a slot without a record is not
 * there.
 */
import type { DataRecord } from "../../records/data-records.ts";
import { RecordError, shownValue } from "../../records/record-error.ts";

/** A slot that has a record. */
export interface SlotValue {
  /** In slots since the Unix epoch. */
  readonly slot: number;
  /** Undefined where all its records are without one. */
  readonly value: number | undefined;
}

/** Where time and value stand, and how long a slot is. */
export interface SlotColumns {
  readonly time: string;
  readonly value: string;
  readonly slotMilliseconds: number;
}

/** Seconds since 1970, as a whole number or with a fraction. */
const UNIX_SECONDS = /^\d{1,11}(?:\.\d{1,9})?$/;
/** A day, a time of day and a zone, of ISO 8601. */
const ZONED_TIME = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})$/;

/**
 * The values of slots, in order.
 *
 * @throws {RecordError} for the first record that is none.
 */
export async function* slotValues(
  records: AsyncIterable<DataRecord>,
  { time, value, slotMilliseconds }: SlotColumns,
): AsyncGenerator<SlotValue> {
  let [slot, sum, count] = [-1, 0, 0];
  for await (const record of records) {
    const next = Math.floor(millisecondsOf(record, time) / slotMilliseconds);
    if (next < slot) throw new RecordError(record.line, `"${time}" not to go back`, "an earlier time");
    if (next > slot) {
      if (slot >= 0) yield { slot, value: count > 0 ? sum / count : undefined };
      [slot, sum, count] = [next, 0, 0];
    }
    const number = numberOf(record, value);
    if (number !== undefined) [sum, count] = [sum + number, count + 1];
  }
  if (slot >= 0) yield { slot, value: count > 0 ? sum / count : undefined };
}

function memberOf({ line, members }: DataRecord, name: string): unknown {
  if (members.has(name)) return members.get(name);
  throw new RecordError(line, `a member or column "${name}"`, `only ${[...members.keys()].join(", ")}`);
}

function millisecondsOf(record: DataRecord, name: string): number {
  const text = String(memberOf(record, name) ?? "");
  const milliseconds = UNIX_SECONDS.test(text)
    ? 1_000 * Number(text)
    : ZONED_TIME.test(text)
      ? Date.parse(text)
      : Number.NaN;
  if (milliseconds >= 0) return milliseconds;
  const expected = `"${name}" to be seconds since 1970, or a time with its zone such as 2026-05-04T12:00:00Z`;
  throw new RecordError(record.line, expected, shownValue(memberOf(record, name)));
}

/** Undefined where the record has no value. */
function numberOf(record: DataRecord, name: string): number | undefined {
  const value = memberOf(record, name);
  if (value === "" || value === null) return undefined;
  const number = typeof value === "number" ? value : Number(typeof value === "string" ? value : Number.NaN);
  if (Number.isFinite(number)) return number;
  throw new RecordError(record.line, `"${name}" to be a number or empty`, shownValue(value));
}
