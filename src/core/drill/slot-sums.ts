/**
 * Sums over slots of a record of probes. Pure.
 */
import type { ProbeRecord } from "../../api/probe-record.ts";

/** Slots from `from` on, without `to`. */
export interface SlotRange {
  readonly from: number;
  readonly to: number;
}

/** What became of the probes of some slots. */
export interface SlotSums {
  readonly sent: number;
  readonly bad: number;
  readonly slow: number;
  readonly moved: number;
  readonly late: number;
  readonly witnesses: number;
  readonly met: number;
  readonly clear: number;
}

/** How many slots a time fills, at least one. */
export function slotsOf({ slotMilliseconds }: ProbeRecord, milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds / slotMilliseconds));
}

/** Length of a range in milliseconds. */
export function rangeMilliseconds({ slotMilliseconds }: ProbeRecord, { from, to }: SlotRange): number {
  return Math.max(0, to - from) * slotMilliseconds;
}

type Column = "sent" | "good" | "slow" | "moved" | "late" | "witnesses" | "met" | "clear";

/** Of each column, the sum of all slots before each: a drill asks for the sums of as many ranges as there are slots. */
const known = new WeakMap<ProbeRecord, Readonly<Record<Column, readonly number[]>>>();

function sumsBefore(record: ProbeRecord): Readonly<Record<Column, readonly number[]>> {
  const found = known.get(record);
  if (found !== undefined) return found;
  const before = (column: Column): readonly number[] => {
    const sums = [0];
    for (const count of record[column]) sums.push((sums.at(-1) ?? 0) + count);
    return sums;
  };
  const sums = {
    sent: before("sent"),
    good: before("good"),
    slow: before("slow"),
    moved: before("moved"),
    late: before("late"),
    witnesses: before("witnesses"),
    met: before("met"),
    clear: before("clear"),
  };
  known.set(record, sums);
  return sums;
}

/** Adds up the slots of a range, as far as there are any. The record must not change any more. */
export function sumSlots(record: ProbeRecord, { from, to }: SlotRange): SlotSums {
  const sums = sumsBefore(record);
  const last = record.sent.length;
  const at = (column: Column, slot: number) => sums[column][Math.max(0, Math.min(last, slot))] ?? 0;
  const sum = (column: Column) => Math.max(0, at(column, to) - at(column, from));
  const sent = sum("sent");
  return {
    sent,
    bad: sent - sum("good"),
    slow: sum("slow"),
    moved: sum("moved"),
    late: sum("late"),
    witnesses: sum("witnesses"),
    met: sum("met"),
    clear: sum("clear"),
  };
}
