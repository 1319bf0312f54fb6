/**
 * What a drill is to do and by what it is judged, read and with its units.
 */
import type { FaultType } from "../../api/failover-drill.ts";

/** By what a drill is judged. */
export interface DrillObjectives {
  /** After the fault has begun, probes must be within the other objectives again by then, while it persists. */
  readonly recoveryMilliseconds: number;
  /** Share of the probes that must be answered well, from the fault's begin to its end; below 1. */
  readonly availability: number;
  /** Share of the good answers that may be slow. */
  readonly slowShare: number;
}

/** A drill. */
export interface DrillSettings {
  readonly fault: FaultType;
  readonly objectives: DrillObjectives;
  /** How long probes run before the fault. */
  readonly controlMilliseconds: number;
  /** How long the fault persists. */
  readonly faultMilliseconds: number;
  /** How long probes run after it. */
  readonly failbackMilliseconds: number;
  /** So long probes must be within the objectives to count as recovered, or as failed back. */
  readonly holdMilliseconds: number;
}

/**
 * Probes that must be counted before an availability can be shown: with none of so many bad, a smaller availability has
 * a chance of one in twenty (the rule of three).
 */
export function probesNeeded({ availability }: DrillObjectives): number {
  return Math.ceil(3 / (1 - availability) - 1e-9);
}

/** Why a drill with these settings could not pass whatever happened; undefined where it could. */
export function settingsProblem(settings: DrillSettings): string | undefined {
  const { objectives, faultMilliseconds, failbackMilliseconds, holdMilliseconds } = settings;
  const { availability, slowShare, recoveryMilliseconds } = objectives;
  if (!(availability >= 0 && availability < 1)) return "availability: expected a share below 100%";
  if (!(slowShare >= 0 && slowShare <= 1)) return "slow answers: expected a share";
  const needed = recoveryMilliseconds + holdMilliseconds;
  // Nine tenths are what a drill is judged by: slots at the edges may be lost.
  if (faultMilliseconds * 0.9 < needed)
    return `the fault lasts ${faultMilliseconds} ms: expected a tenth more than ${needed} ms, in which to recover and to hold`;
  return failbackMilliseconds < holdMilliseconds
    ? `failback is watched for ${failbackMilliseconds} ms: expected at least ${holdMilliseconds} ms`
    : undefined;
}
