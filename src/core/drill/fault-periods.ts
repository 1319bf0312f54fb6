/**
 * When the fault was there, by the witnesses alone: requests that only the target of the drill can answer. Pure.
 *
 * No clock but the prober's takes part, and nobody's word: a fault that was asked for and that no witness met was not there.
 */
import type { ProbeRecord } from "../../api/probe-record.ts";
import { type SlotRange, slotsOf, sumSlots } from "./slot-sums.ts";

/** For so long every witness must say the same before it is believed. */
export const VERIFYING_MILLISECONDS = 1_000;
/** Witnesses in that time, at least. */
export const LEAST_WITNESSES = 5;

/** The parts of a record. */
export interface FaultPeriods {
  /** Before the fault. The slot in which it may have begun is in neither. */
  readonly control: SlotRange;
  /** From the first moment at which the fault may have been there to the first at which no witness shows it any more. */
  readonly fault?: SlotRange;
  /**
   * From where on every witness met it, for {@link VERIFYING_MILLISECONDS}, to its end. Before, only some of the routers may
   * have had it: what is to be shown under the fault is shown here.
   */
  readonly verified?: SlotRange;
  /** From the end of the fault to the end of the record: in its first part, some of the routers may still have the fault. */
  readonly back?: SlotRange;
  /** From where on every witness was answered again, for {@link VERIFYING_MILLISECONDS}, to the end of the record. */
  readonly after?: SlotRange;
}

type Says = "met" | "clear";

/** The first slot from which on all witnesses say the same for long enough; undefined where there is none. */
function firstRun(record: ProbeRecord, says: Says, from: number): number | undefined {
  const length = slotsOf(record, VERIFYING_MILLISECONDS);
  const end = record.sent.length;
  for (let slot = from; slot + length <= end; slot += 1) {
    if ((record[says][slot] ?? 0) === 0) continue;
    const sums = sumSlots(record, { from: slot, to: slot + length });
    if (sums.witnesses >= LEAST_WITNESSES && sums[says] === sums.witnesses) return slot;
  }
  return undefined;
}

/**
 * The first slot from `from` on in which a witness did not meet it, or from which on there was none for too long to say that it
 * was there; the end of the record where there is neither.
 */
function endOfFault(record: ProbeRecord, from: number): number {
  const longestGap = slotsOf(record, VERIFYING_MILLISECONDS);
  let lastMet = from;
  for (let slot = from; slot < record.sent.length; slot += 1) {
    const witnesses = record.witnesses[slot] ?? 0;
    if ((record.met[slot] ?? 0) < witnesses) return slot;
    if (witnesses > 0) lastMet = slot;
    else if (slot - lastMet >= longestGap) return lastMet + 1;
  }
  return record.sent.length;
}

/** Splits a record. */
export function faultPeriods(record: ProbeRecord): FaultPeriods {
  const end = record.sent.length;
  const firstMet = record.met.findIndex((met) => met > 0);
  if (firstMet < 0) return { control: { from: 0, to: end } };
  const before = record.witnesses.slice(0, firstMet);
  const lastClear = before.findLastIndex((count, slot) => count > 0 && record.clear[slot] === count);
  const from = lastClear + 1;
  const control = { from: 0, to: Math.max(0, lastClear) };
  const verifiedFrom = firstRun(record, "met", firstMet);
  const lastCertain = verifiedFrom ?? firstMet;
  const to = endOfFault(record, lastCertain);
  const afterFrom = to === end ? undefined : firstRun(record, "clear", to);
  return {
    control,
    fault: { from, to },
    ...(verifiedFrom === undefined ? {} : { verified: { from: verifiedFrom, to } }),
    ...(to === end ? {} : { back: { from: to, to: end } }),
    ...(afterFrom === undefined ? {} : { after: { from: afterFrom, to: end } }),
  };
}
