/**
 * Which series of a deployment are watched, and what the value of a window is: the requests that were answered, the labels
 * that were joined with them, and the mean of each metric of stable.
 *
 * Never of one user, and of no candidate: what becomes of that is the question of its gates, and it has no history.
 */
import { armName } from "../tap/tap-event.ts";
import { SLOT_SECONDS } from "../token/slot.ts";
import { SUM } from "./cell-changes.ts";
import type { CollectedDeployment } from "./collected-metrics.ts";
import type { ArmSums, SlotSums } from "./slot-sums.ts";

/** One series of a deployment. */
export interface WatchedSeries {
  readonly name: string;
  /** Sums that its values are made of. */
  readonly sums: ReadonlySet<number>;
  /** Slots after the end of a window until it is looked at. */
  readonly lagSlots: number;
  /** The value of a window; undefined where it has none. */
  readonly valueIn: (sums: SlotSums) => number | undefined;
}

/** Labels that take longer are not waited for: what is wrong must be seen today. */
const LONGEST_LAG_SECONDS = 3_600;
/** A mean of fewer requests is no value. */
const LEAST_REQUESTS = 50;
const STABLE = "Stable";
/** Without these nobody can tell whether a slot is whole. */
const ALWAYS = [SUM.impressions, SUM.labelledRequests];

/** The series of a deployment, always in the same order. */
export function watchedSeries({ labels, metrics }: CollectedDeployment): readonly WatchedSeries[] {
  const longest = Math.max(...[...labels.values()].map(({ maturesSeconds }) => maturesSeconds));
  return [
    {
      name: "requests",
      sums: new Set(ALWAYS),
      lagSlots: 0,
      valueIn: ({ arms }) => totalOf(arms.values(), SUM.impressions),
    },
    {
      name: "labels",
      sums: new Set([...ALWAYS, SUM.labels]),
      lagSlots: lagOf(longest),
      // Where nobody asked nothing can be said of labels.
      valueIn: ({ arms }) =>
        totalOf(arms.values(), SUM.impressions) === 0 ? undefined : totalOf(arms.values(), SUM.labels),
    },
    ...metrics.map(({ definition, maturesSeconds, arrived }) => ({
      name: `metric:${definition.name}`,
      sums: new Set([...ALWAYS, arrived.stored.id]),
      lagSlots: lagOf(maturesSeconds),
      valueIn: ({ arms }: SlotSums) => {
        const stable = [...arms.values()].filter(({ arm }) => armName(arm) === STABLE);
        const requests = totalOf(stable, SUM.impressions);
        return requests < LEAST_REQUESTS ? undefined : totalOf(stable, arrived.stored.id) / requests;
      },
    })),
  ];
}

function lagOf(maturesSeconds: number): number {
  return Math.ceil(Math.min(maturesSeconds, LONGEST_LAG_SECONDS) / SLOT_SECONDS);
}

function totalOf(arms: Iterable<ArmSums>, sum: number): number {
  let total = 0;
  for (const { vectors } of arms) {
    for (const value of vectors.get(sum) ?? []) total += value;
  }
  return total;
}
