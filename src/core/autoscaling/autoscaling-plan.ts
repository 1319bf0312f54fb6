/**
 * What the planner of autoscaling says, whoever owns the replicas. Types alone: it must hold no decision.
 */
import type { AutoscalingStatus } from "../../api/autoscaling-status.ts";
import type { Condition, ConditionReason } from "../../api/conditions.ts";
import type { KubeObject } from "../../api/kube-object.ts";

/** What is decided, and what is to be told. */
export interface AutoscalingPlan {
  /** Replicas of the first pool; absent where `spec.replicas` says them. */
  readonly replicas?: number;
  readonly status?: AutoscalingStatus;
  readonly findings: readonly ScalingFinding[];
  /** The ControllerRevision in which what was learned of the load is kept, where there is more to keep. */
  readonly memory?: KubeObject;
  /** ControllerRevisions of that kind that are not needed any more. */
  readonly surplus: readonly string[];
  /** The object by which another autoscaler owns the replicas; absent where none does, and while a former one is there. */
  readonly autoscaler?: KubeObject;
  readonly wakeAtMilliseconds?: number;
}

/** A condition about it. */
export interface ScalingFinding {
  readonly type: "ScalingActive" | "ScalingLimited";
  readonly status: Condition["status"];
  readonly reason: ConditionReason;
  readonly message: string;
}
