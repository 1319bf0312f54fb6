/**
 * Reads the spec of a drill into what it is judged by, and how long it lasts at most. Pure.
 */
import { parseDurationMilliseconds } from "../../api/duration.ts";
import type { FailoverDrillSpec } from "../../api/failover-drill.ts";
import { parsePercentage } from "../../api/percentage.ts";
import { FULL_WEIGHT } from "../../api/traffic-plan.ts";
import { PROOF_LIMIT_MILLISECONDS } from "./advance-drill.ts";
import type { DrillSettings } from "./drill-settings.ts";

/** So many changes of the plan wait for a proof: the fault, its end, and the way back. */
const PROOFS = 3;

/** @throws {DurationError | PercentageError} on a text that is none; the schema lets none of these in. */
export function settingsOfDrill({
  objectives: { recovery, availability, slow },
  ...spec
}: FailoverDrillSpec): DrillSettings {
  return {
    fault: spec.fault.type,
    objectives: {
      recoveryMilliseconds: parseDurationMilliseconds(recovery),
      availability: parsePercentage(availability) / FULL_WEIGHT,
      slowShare: parsePercentage(slow) / FULL_WEIGHT,
    },
    controlMilliseconds: parseDurationMilliseconds(spec.control),
    faultMilliseconds: parseDurationMilliseconds(spec.duration),
    failbackMilliseconds: parseDurationMilliseconds(spec.failback),
    holdMilliseconds: parseDurationMilliseconds(spec.hold),
  };
}

/** How long the prober counts at most, from its first probe on. */
export function longestProbing(settings: DrillSettings): number {
  const { controlMilliseconds, faultMilliseconds, failbackMilliseconds } = settings;
  return controlMilliseconds + faultMilliseconds + failbackMilliseconds + PROOFS * PROOF_LIMIT_MILLISECONDS;
}

/** How long routers let the fault be, whatever their clocks show. */
export function longestFault({ faultMilliseconds }: DrillSettings): number {
  return faultMilliseconds + 2 * PROOF_LIMIT_MILLISECONDS;
}
