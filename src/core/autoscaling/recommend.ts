/**
 * How many replicas a pool is to have: the most of what the load needs, what schedules declare and what a forecast expects.
 * Pure.
 *
 * Whatever is not known scales nothing in: without news of the load there are as many replicas as before, or as many more as
 * schedules and forecast ask for. A forecast only ever adds: that a quiet hour is expected takes nothing away.
 */
import type { LoadSample } from "./load-sample.ts";
import { type LoadTarget, neededReplicas, observedLoad } from "./reactive.ts";
import { mostNeeded } from "./recent-needs.ts";
import { type Schedule, scheduledFloor } from "./schedules.ts";
import { stabilised } from "./stabilisation.ts";

/** How calm. */
export interface CalmSettings {
  /** Share by which load and replicas may differ without a change, such as 0.1. */
  readonly tolerance: number;
  /** Scaling in waits until so much time has passed without a need for more. */
  readonly scaleInAfterMilliseconds: number;
}

/** What people ask for. */
export interface AutoscalingSettings extends CalmSettings {
  readonly minReplicas: number;
  /** At least `minReplicas`. */
  readonly maxReplicas: number;
  /** At least one. */
  readonly targets: readonly LoadTarget[];
  readonly schedules: readonly Schedule[];
}

/**
 * What holds where people say nothing. Half the tolerance of an HPA: chance is dealt with where the rate is told, and each part
 * of tolerance is a part of the headroom that is lost.
 */
export const AUTOSCALING_DEFAULTS: CalmSettings = {
  tolerance: 0.05,
  scaleInAfterMilliseconds: 300_000,
};

/** What is known of a pool. */
export interface ObservedPoolLoad {
  readonly nowMilliseconds: number;
  /** Of the time that scaling in waits, and a minute before it, from the oldest to the newest. */
  readonly samples: readonly LoadSample[];
  /** Replicas that serve, and those that have a node and will serve: what the load is divided over. */
  readonly ready: number;
  readonly coming: number;
  /** Replicas that are asked for now, and since when. */
  readonly asked: number;
  readonly askedSinceMilliseconds: number;
  /** In which a replica comes. */
  readonly coldStartMilliseconds: number;
  /** Seconds that a request usually takes in a server; undefined while nobody knows. */
  readonly serviceSeconds: number | undefined;
  /** Requests a second that are expected until a replica that is asked for now serves; undefined without a forecast. */
  readonly expectedRate: number | undefined;
}

/** What said so. */
export type Because = "Load" | "Schedule" | "Forecast" | "Minimum" | "Maximum" | "NoData";

/** A decision. */
export interface Recommendation {
  readonly replicas: number;
  readonly because: Because;
  /** Whether anything is known of the load. */
  readonly isLoadKnown: boolean;
}

/** Decides. */
export function recommend(settings: AutoscalingSettings, pool: ObservedPoolLoad): Recommendation {
  const { nowMilliseconds, coldStartMilliseconds } = pool;
  const load = observedLoad(pool.samples, nowMilliseconds, pool.serviceSeconds);
  const needed = load === undefined ? undefined : neededReplicas(load, settings.targets);
  const isLoadKnown = needed !== undefined;
  const wanted: readonly (readonly [Because, number])[] = [
    ["Minimum", settings.minReplicas],
    isLoadKnown ? ["Load", byLoad(settings, pool, needed)] : ["NoData", pool.asked],
    ["Forecast", byForecast(settings, pool.expectedRate, pool.serviceSeconds ?? load?.serviceSeconds)],
    ["Schedule", scheduledFloor(settings.schedules, nowMilliseconds, coldStartMilliseconds)],
  ];
  const most = Math.max(...wanted.map(([, replicas]) => replicas));
  if (most > settings.maxReplicas) return { replicas: settings.maxReplicas, because: "Maximum", isLoadKnown };
  const because = wanted.find(([, replicas]) => replicas === most)?.[0] ?? "Minimum";
  return { replicas: most, because, isLoadKnown };
}

/** What the load needs now, and no fewer of those that are asked for than it needed lately. */
function byLoad(settings: AutoscalingSettings, pool: ObservedPoolLoad, needed: number): number {
  const { targets, tolerance, scaleInAfterMilliseconds } = settings;
  const { ready, coming, asked } = pool;
  // Pods that have no node count for nothing: they may never come. But they are given up no sooner than those that serve.
  const current = Math.min(asked, ready + coming);
  const held = Math.min(asked, mostNeeded({ ...pool, targets, tolerance }, scaleInAfterMilliseconds));
  return Math.max(stabilised(needed, current, tolerance), held);
}

function byForecast(
  { targets }: AutoscalingSettings,
  rate: number | undefined,
  serviceSeconds: number | undefined,
): number {
  const needed = rate === undefined ? undefined : neededReplicas({ rate, serviceSeconds }, targets);
  return Math.ceil(needed ?? 0);
}
