/**
 * Which series of a deployment are watched, and what the value of a window is: the requests that were answered, how many are
 * under way, how long those of stable take and how many of them fail, the labels that were joined with requests, and the
 * mean of each metric of stable.
 *
 * Never of one user, and of no candidate: what becomes of that is the question of its gates, and it has no history.
 */
import { latencyQuantile, type Served, sumOfServed } from "../stats/served-minutes.ts";
import { armName } from "../tap/tap-event.ts";
import { SLOT_SECONDS } from "../token/slot.ts";
import { SUM } from "./cell-changes.ts";
import type { CollectedDeployment } from "./collected-metrics.ts";
import type { ServedByArm } from "./served-table.ts";
import type { ArmSums, SlotSums } from "./slot-sums.ts";

/** The value of a window. */
export interface WindowValue {
  readonly value: number;
  /** Standard deviation that it has by chance alone, as rare counts have; 0 where the values tell it by themselves. */
  readonly deviation: number;
}

/** What the values of a series are made of. */
type Source =
  /** Sums of cells, by their numbers. */
  | {
      readonly type: "Sums";
      readonly sums: ReadonlySet<number>;
      readonly valueIn: (sums: SlotSums) => number | undefined;
    }
  /** What clients got, in so many minutes. */
  | {
      readonly type: "Served";
      readonly valueIn: (served: ServedByArm, minutes: number) => WindowValue | undefined;
    };

/** One series of a deployment. */
export interface WatchedSeries {
  readonly name: string;
  /** Slots after the end of a window until it is looked at. */
  readonly lagSlots: number;
  /** Gives the value of a window; undefined where it has none. */
  readonly source: Source;
}

/** Labels that take longer are not waited for: what is wrong must be seen today. */
const LONGEST_LAG_SECONDS = 3_600;
/** A mean, share or quantile of fewer requests is no value. */
const LEAST_REQUESTS = 50;
const STABLE = "Stable";
/** The slowest twentieth: of the least requests that make a value, two or three. */
const LATENCY_QUANTILE = 0.95;
const MINUTE_MILLISECONDS = 1_000 * SLOT_SECONDS;
/** Without these nobody can tell whether a slot is whole. */
const ALWAYS = [SUM.impressions, SUM.labelledRequests];

/** The series of a deployment, always in the same order. */
export function watchedSeries({ labels, metrics }: CollectedDeployment): readonly WatchedSeries[] {
  const longest = Math.max(...[...labels.values()].map(({ maturesSeconds }) => maturesSeconds));
  return [
    {
      name: "requests",
      lagSlots: 0,
      source: {
        type: "Sums",
        sums: new Set(ALWAYS),
        valueIn: ({ arms }) => totalOf(arms.values(), SUM.impressions),
      },
    },
    ...SERVICE_SERIES,
    {
      name: "labels",
      lagSlots: lagOf(longest),
      source: {
        type: "Sums",
        sums: new Set([...ALWAYS, SUM.labels]),
        // Where nobody asked nothing can be said of labels.
        valueIn: ({ arms }) =>
          totalOf(arms.values(), SUM.impressions) === 0 ? undefined : totalOf(arms.values(), SUM.labels),
      },
    },
    ...metrics.map(
      ({ definition, maturesSeconds, arrived }): WatchedSeries => ({
        name: `metric:${definition.name}`,
        lagSlots: lagOf(maturesSeconds),
        source: {
          type: "Sums",
          sums: new Set([...ALWAYS, arrived.stored.id]),
          valueIn: ({ arms }) => {
            const stable = [...arms.values()].filter(({ arm }) => armName(arm) === STABLE);
            const requests = totalOf(stable, SUM.impressions);
            return requests < LEAST_REQUESTS ? undefined : totalOf(stable, arrived.stored.id) / requests;
          },
        },
      }),
    ),
  ];
}

/** What clients get. Of one that nobody asked nothing can be said, and routers of an earlier version do not tell. */
const SERVICE_SERIES: readonly WatchedSeries[] = [
  {
    name: "load",
    lagSlots: 0,
    source: {
      type: "Served",
      // Requests that are under way at a time, by the law of Little (Operations Research 9, 1961).
      valueIn: (served, minutes) => {
        if (served.size === 0) return undefined;
        const total = [...served.values()].reduce((sum, { milliseconds }) => sum + milliseconds, 0);
        return { value: total / (minutes * MINUTE_MILLISECONDS), deviation: 0 };
      },
    },
  },
  {
    name: "latency",
    lagSlots: 0,
    source: {
      type: "Served",
      valueIn: (served) => {
        const { latencies } = stableOf(served);
        const timed = [...latencies.values()].reduce((sum, count) => sum + count, 0);
        const value = timed < LEAST_REQUESTS ? undefined : latencyQuantile(LATENCY_QUANTILE, latencies);
        return value === undefined ? undefined : { value, deviation: 0 };
      },
    },
  },
  {
    name: "errors",
    lagSlots: 0,
    source: {
      type: "Served",
      valueIn: (served) => {
        const { requests, errors } = stableOf(served);
        if (requests < LEAST_REQUESTS) return undefined;
        // Mostly there are none, and then a single one is infinitely far from all others; so it is taken for a count by
        // chance (Poisson), with one more than there were: a count of none says little about the next one.
        return { value: errors / requests, deviation: Math.sqrt(errors + 1) / requests };
      },
    },
  },
];

function stableOf(served: ServedByArm): Served {
  return served.get(STABLE) ?? sumOfServed([]);
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
