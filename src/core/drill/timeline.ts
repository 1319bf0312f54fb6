/**
 * When what happened in a drill, from its probes. Pure.
 *
 * All times are counted from the first moment at which the fault may have been there, so that no recovery seems shorter than
 * it was. What is counted while the fault persists is looked for only there: an outage that ends with the fault is none from
 * which anything recovered.
 */
import type { ProbeRecord } from "../../api/probe-record.ts";
import type { DrillObjectives, DrillSettings } from "./drill-settings.ts";
import type { FaultPeriods } from "./fault-periods.ts";
import { type SlotRange, type SlotSums, slotsOf, sumSlots } from "./slot-sums.ts";

/** Times in milliseconds after the fault began. Absent: it was not seen. */
export interface DrillTimeline {
  /** When the fault began, by the prober's clock, in milliseconds since the Unix epoch. */
  readonly faultAtMilliseconds: number;
  /** Every witness met the fault from here on. */
  readonly verified?: number;
  /** The first probe was answered by another pool. */
  readonly detected?: number;
  /** From here on other pools answered all that was answered well. */
  readonly moved?: number;
  /** From here on probes were within the objectives, while the fault persisted. */
  readonly recovered?: number;
  /** Every witness was answered again from here on. */
  readonly reverted?: number;
  /** From here on the target answered all probes again. */
  readonly failedBack?: number;
  /** No time is more exact than this. */
  readonly resolutionMilliseconds: number;
}

/** Room for what a division leaves. */
const ROUNDING = 1e-9;

/** Whether no more probes are bad than the objectives allow. */
export function isAvailable({ sent, bad }: SlotSums, { availability }: DrillObjectives): boolean {
  return bad <= sent * (1 - availability) + ROUNDING;
}

/** Whether no more good answers are slow than the objectives allow. */
export function isFast({ sent, bad, slow }: SlotSums, { slowShare }: DrillObjectives): boolean {
  return slow <= (sent - bad) * slowShare + ROUNDING;
}

/** Whether probes are within the objectives. Nothing is no sign of anything. */
export function isWithin(sums: SlotSums, objectives: DrillObjectives): boolean {
  return sums.sent > sums.bad && isAvailable(sums, objectives) && isFast(sums, objectives);
}

/** The first slot of a range from which on something holds for a number of slots; undefined where there is none. */
function firstHolding(
  from: number,
  to: number,
  length: number,
  holds: (from: number, to: number) => boolean,
): number | undefined {
  for (let slot = from; slot + length <= to; slot += 1) if (holds(slot, slot + length)) return slot;
  return undefined;
}

/** Reads the timeline; undefined while no witness has met the fault. */
export function drillTimeline(
  record: ProbeRecord,
  { control, fault, verified, after }: FaultPeriods,
  { objectives, holdMilliseconds }: Pick<DrillSettings, "objectives" | "holdMilliseconds">,
): DrillTimeline | undefined {
  if (fault === undefined) return undefined;
  const { slotMilliseconds } = record;
  const hold = slotsOf(record, holdMilliseconds);
  const sums = (from: number, to: number) => sumSlots(record, { from, to });
  const time = (name: string, slot: number | undefined) =>
    slot === undefined ? {} : { [name]: (slot - fault.from) * slotMilliseconds };
  // Only where all routers have the fault a hold shows a recovery; it counts from where on all was well up to its end.
  const firstRecovered = (from: number, { from: verifiedFrom, to }: SlotRange): number | undefined => {
    for (let slot = from; Math.max(slot, verifiedFrom) + hold <= to; slot += 1) {
      const holdFrom = Math.max(slot, verifiedFrom);
      const parts = [sums(slot, holdFrom + hold), sums(holdFrom, holdFrom + hold)];
      if (sums(slot, slot + 1).bad === 0 && parts.every((part) => isWithin(part, objectives))) return slot;
    }
    return undefined;
  };
  const detected = record.moved.slice(fault.from, fault.to).findIndex((moved) => moved > 0);
  const moved = firstHolding(fault.from, fault.to, hold, (from, to) => {
    const { sent, bad, moved } = sums(from, to);
    return (record.moved[from] ?? 0) > 0 && moved === sent - bad;
  });
  const recovered = verified === undefined ? undefined : firstRecovered(fault.from, verified);
  const failedBack =
    after === undefined
      ? undefined
      : firstHolding(after.from, after.to, hold, (from, to) => {
          const inHold = sums(from, to);
          return inHold.sent > 0 && inHold.bad === 0 && inHold.moved === 0;
        });
  return {
    faultAtMilliseconds: record.startMilliseconds + fault.from * slotMilliseconds,
    ...time("verified", verified?.from),
    ...time("detected", detected < 0 ? undefined : fault.from + detected),
    ...time("moved", moved),
    ...time("recovered", recovered),
    ...time("reverted", after?.from),
    ...time("failedBack", failedBack),
    // The slot, and the time between the last witness without the fault and the first with it.
    resolutionMilliseconds:
      (1 + Math.max(0, record.met.findIndex((met) => met > 0) - control.to - 1)) * slotMilliseconds,
  };
}
