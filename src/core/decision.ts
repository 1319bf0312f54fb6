/**
 * What a decision says: the status to report and the writes that follow. Data only; `operator` carries it out.
 */

import type { FailoverDrillStatus } from "../api/drill-status.ts";
import type { ModelExperimentStatus } from "../api/experiment-status.ts";
import type { KubeObject, ObjectReference } from "../api/kube-object.ts";
import type { ModelDeploymentStatus } from "../api/model-deployment-status.ts";
import type { ModelRolloutStatus } from "../api/model-rollout-status.ts";
import type { ObservedDrill, ObservedExperiment, ObservedRollout } from "./observation.ts";
import type { GateQuestion } from "./rollout/gates/gate-questions.ts";

/** Sets the replicas of a Deployment through its `/scale`. */
export interface ScaleIntent {
  readonly name: string;
  readonly namespace: string;
  readonly replicas: number;
}

/** Deletes one very object: a later one of the same name is somebody else's. */
export interface RemoveIntent {
  readonly reference: ObjectReference;
  readonly uid: string;
}

/** An Event to record. Nothing may depend on it. */
export interface EventIntent {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  /** What the operator did or saw, in UpperCamelCase. */
  readonly action: string;
  readonly note: string;
}

/** The status of a ModelRollout. */
export interface RolloutReport {
  /** As it was read: the report holds for this version alone. */
  readonly rollout: ObservedRollout;
  readonly status: ModelRolloutStatus;
  /** The status of the ModelDeployment follows from it. */
  readonly isCurrent: boolean;
}

/** The status of a ModelExperiment. */
export interface ExperimentReport {
  /** As it was read: the report holds for this version alone. */
  readonly experiment: ObservedExperiment;
  readonly status: ModelExperimentStatus;
  /** The status of the ModelDeployment follows from it. */
  readonly isCurrent: boolean;
}

/** The status of a FailoverDrill. */
export interface DrillReport {
  /** As it was read: the report holds for this version alone. */
  readonly drill: ObservedDrill;
  readonly status: FailoverDrillStatus;
  /** The traffic plan of the ModelDeployment follows from it. */
  readonly isCurrent: boolean;
}

/** The outcome of one decision about a ModelDeployment. */
export interface Decision {
  /** Stored before {@link status}, which follows from them. */
  readonly rollouts: readonly RolloutReport[];
  /** Likewise. */
  readonly experiments: readonly ExperimentReport[];
  /** Likewise. */
  readonly drills: readonly DrillReport[];
  readonly status: ModelDeploymentStatus;
  /** Objects that must stand, whole. Carried out in order. */
  readonly apply: readonly KubeObject[];
  /** Carried out after `apply`. */
  readonly scale: readonly ScaleIntent[];
  /** What is written into the spec of a ModelRollout, beside what people write there. Carried out after `scale`. */
  readonly pause?: KubeObject;
  /** Carried out last. */
  readonly remove: readonly RemoveIntent[];
  readonly events: readonly EventIntent[];
  /** What is to be asked, again and again, for the gates of the current release, and for the current experiment; nothing where it is absent. */
  readonly gateQuestions?: readonly GateQuestion[];
  /** The drill whose prober is to be asked, again and again; absent while there is none. */
  readonly probing?: string;
  /** When to look again though nothing changed, in milliseconds since the Unix epoch. */
  readonly wakeAtMilliseconds?: number;
}
