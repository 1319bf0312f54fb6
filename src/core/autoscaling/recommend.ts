/**
 * How many replicas a pool is to have: the most of what the load needs, what schedules declare and what a forecast expects.
 * Pure.
 *
 * Whatever is not known scales nothing in: without news of the load there are as many replicas as before, or as many more as
 * schedules and forecast ask for. A forecast only ever adds: that a quiet hour is expected takes nothing away.
 */
import type { LoadSample } from "./load-sample.ts";
import { type LoadTarget, neededReplicas, observedLoad } from "./reactive.ts";
import { type ScheduledReplicas, scheduledFloor } from "./schedules.ts";
import { type Recommended, type StabilisationSettings, stabilised } from "./stabilisation.ts";

/** What people ask for. */
export interface AutoscalingSettings extends StabilisationSettings {
  readonly minReplicas: number;
  /** At least `minReplicas`. */
  readonly maxReplicas: number;
  /** At least one. */
  readonly targets: readonly LoadTarget[];
  readonly schedules: readonly ScheduledReplicas[];
}

/**
 * What holds where people say nothing. Half the tolerance of an HPA: chance is dealt with where the rate is told, and each part
 * of tolerance is a part of the headroom that is lost.
 */
export const AUTOSCALING_DEFAULTS: StabilisationSettings = {
  tolerance: 0.05,
  scaleInAfterMilliseconds: 300_000,
};

/** What is known of a pool. */
export interface ObservedPoolLoad {
  readonly nowMilliseconds: number;
  /** Of the last minutes, from the oldest to the newest. */
  readonly samples: readonly LoadSample[];
  /** Replicas that serve, and those that have a node and will serve: what the load is divided over. */
  readonly ready: number;
  readonly coming: number;
  /** Replicas that are asked for now. */
  readonly asked: number;
  /** In which a replica comes. */
  readonly coldStartMilliseconds: number;
  /** Requests a second that are expected until a replica that is asked for now serves; undefined without a forecast. */
  readonly expectedRate: number | undefined;
}

/** What is remembered from one decision to the next. */
export interface AutoscalingMemory {
  readonly recommended: readonly Recommended[];
  /** Seconds that a server worked on a request when one was answered last. */
  readonly serviceSeconds?: number;
}

/** What said so. */
export type Because = "Load" | "Schedule" | "Forecast" | "Minimum" | "Maximum" | "NoData";

/** A decision. */
export interface Recommendation {
  readonly replicas: number;
  readonly because: Because;
  /** What each part asked for; undefined where it had nothing to say. */
  readonly byLoad: number | undefined;
  readonly byForecast: number | undefined;
  readonly bySchedule: number;
  /** Names of the schedules that are on. */
  readonly schedules: readonly string[];
  readonly memory: AutoscalingMemory;
}

/**
 * Decides.
 *
 * @throws {ScheduleError} for a schedule that cannot be read.
 */
export function recommend(
  settings: AutoscalingSettings,
  pool: ObservedPoolLoad,
  memory: AutoscalingMemory,
): Recommendation {
  const { nowMilliseconds, coldStartMilliseconds, asked } = pool;
  const load = observedLoad(
    pool.samples,
    nowMilliseconds,
    coldStartMilliseconds / 1_000,
    memory.serviceSeconds,
  );
  const serviceSeconds = load?.serviceSeconds ?? memory.serviceSeconds;
  const needed = load === undefined ? undefined : neededReplicas(load, settings.targets);
  const held = { replicas: asked, recommended: memory.recommended };
  const { replicas: byLoad, recommended } =
    needed === undefined
      ? held
      : stabilised(needed, currentOf(pool), memory.recommended, nowMilliseconds, settings);
  const byForecast = forecastReplicas(settings, pool.expectedRate, serviceSeconds);
  const scheduled = scheduledFloor(settings.schedules, nowMilliseconds, coldStartMilliseconds);
  const wanted: readonly (readonly [Because, number])[] = [
    ["Minimum", settings.minReplicas],
    [needed === undefined ? "NoData" : "Load", byLoad],
    ["Forecast", byForecast ?? 0],
    ["Schedule", scheduled.replicas],
  ];
  const most = Math.max(...wanted.map(([, replicas]) => replicas));
  const isBounded = most > settings.maxReplicas;
  return {
    replicas: isBounded ? settings.maxReplicas : most,
    because: isBounded ? "Maximum" : (wanted.find(([, replicas]) => replicas === most)?.[0] ?? "Minimum"),
    byLoad: needed === undefined ? undefined : byLoad,
    byForecast,
    bySchedule: scheduled.replicas,
    schedules: scheduled.active,
    memory: { recommended, ...(serviceSeconds === undefined ? {} : { serviceSeconds }) },
  };
}

/** Pods that have no node count for nothing: they may never come. */
function currentOf({ ready, coming, asked }: ObservedPoolLoad): number {
  return Math.min(asked, ready + coming);
}

function forecastReplicas(
  { targets }: AutoscalingSettings,
  rate: number | undefined,
  serviceSeconds: number | undefined,
): number | undefined {
  if (rate === undefined) return undefined;
  const needed = neededReplicas({ rate, serviceSeconds }, targets);
  return needed === undefined ? undefined : Math.ceil(needed);
}
