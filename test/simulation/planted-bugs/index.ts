/**
 * Every planted error, by the part of the operator that has it.
 */
import { AUTOSCALING_BUGS } from "./autoscaling.ts";
import { CAPACITY_BUGS } from "./capacity.ts";
import { CONDITION_BUGS } from "./conditions.ts";
import { DRILL_BUGS } from "./drill.ts";
import { EXECUTION_BUGS } from "./execution.ts";
import { EXPERIMENT_BUGS } from "./experiment.ts";
import type { PlantedBug } from "./planted-bug.ts";
import { POD_BUGS } from "./pods.ts";
import { REVISION_BUGS } from "./revision.ts";
import { ROLLOUT_BUGS } from "./rollout.ts";
import { ROUTER_BUGS } from "./routers.ts";
import { TRAFFIC_BUGS } from "./traffic.ts";
import { UNDO_BUGS } from "./undo.ts";
import { VALIDATION_BUGS } from "./validation.ts";

/** Errors by part. `execution` is all that reads, reports and writes. */
export const PLANTED_BUGS_BY_PART = {
  undo: UNDO_BUGS,
  revision: REVISION_BUGS,
  autoscaling: AUTOSCALING_BUGS,
  validation: VALIDATION_BUGS,
  rollout: ROLLOUT_BUGS,
  experiment: EXPERIMENT_BUGS,
  drill: DRILL_BUGS,
  capacity: CAPACITY_BUGS,
  pods: POD_BUGS,
  traffic: TRAFFIC_BUGS,
  conditions: CONDITION_BUGS,
  routers: ROUTER_BUGS,
  execution: EXECUTION_BUGS,
} as const satisfies Readonly<Record<string, readonly PlantedBug[]>>;

/** All of them. A thread is told the place of one in this list. */
export const PLANTED_BUGS: readonly PlantedBug[] = Object.values(PLANTED_BUGS_BY_PART).flat();
