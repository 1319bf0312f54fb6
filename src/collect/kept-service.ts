/**
 * Which of the minutes that routers tell of are kept, and how long: those of deployments whose series are watched, until no
 * window asks for them any more. Runs inside a transaction of the caller.
 */
import type { ServedMinute } from "../stats/served-minutes.ts";
import type { Collected } from "./collected-metrics.ts";
import type { ServedTable } from "./served-table.ts";

/** Minutes that are kept: windows of longer ago than a day are not looked at. */
export const KEPT_SERVED_SLOTS = 2 * 1_440;

/** Keeps what a batch tells. What is of another time than now, by a clock that is off, is let go. */
export function keepServed(
  table: ServedTable,
  collected: Collected,
  minutes: readonly ServedMinute[],
  nowSlot: number,
): void {
  const tags = new Map(
    [...collected.values()].flatMap(({ name, tag, falseAlarmDays }) =>
      falseAlarmDays === undefined ? [] : [[name, tag]],
    ),
  );
  for (const { deployment: name, slot, arm, ...served } of minutes) {
    const deployment = tags.get(name);
    if (deployment === undefined || Math.abs(slot - nowSlot) > KEPT_SERVED_SLOTS) continue;
    table.add({ deployment, slot, arm }, served);
  }
}
