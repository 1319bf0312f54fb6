/**
 * Petrel's planner in the replay, as it is by default but for the target that is swept.
 */
import { petrelScaler } from "../../src/cli/simulate/petrel-scaler.ts";
import type { Scaler } from "../../src/cli/simulate/replay.ts";
import { AUTOSCALING_DEFAULTS } from "../../src/core/autoscaling/recommend.ts";
import { type Load, REPLICA } from "./traces.ts";

/** The planner with this target of the concurrency of a replica. */
export function petrel(target: number, { trace, coldStartSeconds }: Load): Scaler {
  return petrelScaler({
    autoscaling: {
      ...AUTOSCALING_DEFAULTS,
      ...{ minReplicas: 1, maxReplicas: Number.MAX_SAFE_INTEGER, schedules: [] },
      targets: [{ type: "Concurrency", perReplica: target * REPLICA.concurrency }],
    },
    startMilliseconds: trace.startMilliseconds,
    coldStartMilliseconds: 1_000 * coldStartSeconds,
    forecast: true,
  });
}
