/**
 * What people ask for in `spec.autoscaling`, as the recommender takes it. Pure.
 */
import type { AutoscalingSpec } from "../../api/autoscaling.ts";
import { parseDurationMilliseconds } from "../../api/duration.ts";
import { parseShare } from "../../api/percentage.ts";
import { AUTOSCALING_DEFAULTS, type AutoscalingSettings } from "./recommend.ts";
import { readSchedule, ScheduleError } from "./schedules.ts";

/** The settings, with what is wrong about schedules that cannot be read: those are left out. */
export interface ReadAutoscaling {
  readonly settings: AutoscalingSettings;
  readonly unreadable: readonly string[];
}

/** By what was read: a spec is looked at again and again, and never changes. */
const known = new WeakMap<AutoscalingSpec, ReadAutoscaling>();

/** Reads them. The schema has checked all but what a schedule and a time zone mean. */
export function autoscalingSettings(spec: AutoscalingSpec): ReadAutoscaling {
  const read = known.get(spec) ?? settingsOf(spec);
  known.set(spec, read);
  return read;
}

function settingsOf(spec: AutoscalingSpec): ReadAutoscaling {
  const { minReplicas = 1, maxReplicas, metrics, tolerance, scaleIn } = spec;
  const unreadable: string[] = [];
  const schedules = (spec.schedules ?? []).flatMap(({ duration, ...schedule }) => {
    try {
      return [readSchedule({ ...schedule, durationMilliseconds: parseDurationMilliseconds(duration) })];
    } catch (error) {
      if (!(error instanceof ScheduleError)) throw error;
      unreadable.push(error.message);
      return [];
    }
  });
  return {
    unreadable,
    settings: {
      minReplicas,
      maxReplicas,
      schedules,
      targets: metrics.map(({ type, target }) => ({
        type: type === "Rate" ? "RequestRate" : type,
        perReplica: Number(target),
      })),
      tolerance: tolerance === undefined ? AUTOSCALING_DEFAULTS.tolerance : parseShare(tolerance),
      scaleInAfterMilliseconds:
        scaleIn === undefined
          ? AUTOSCALING_DEFAULTS.scaleInAfterMilliseconds
          : parseDurationMilliseconds(scaleIn.after),
    },
  };
}
