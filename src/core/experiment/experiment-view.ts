/**
 * What the state machine of an experiment sees, and what it says.
 */
import type {
  ArmFinding,
  ExperimentArmStatus,
  ExperimentShare,
  ExperimentVerdict,
  JudgedMetric,
  ModelExperimentStatus,
  WaitingReason,
} from "../../api/experiment-status.ts";
import type { ModelExperimentSpec } from "../../api/model-experiment.ts";

/** Why an experiment may not have traffic. */
export interface Obstacle {
  readonly reason: WaitingReason;
  readonly message: string;
}

/** Why one that has begun cannot go on. */
export interface Interruption {
  readonly reason: Extract<
    ExperimentVerdict["reason"],
    "ReleaseBegan" | "StableChanged" | "MetricChanged" | "ModelDeploymentGone"
  >;
  readonly message: string;
}

/** What the evidence says. */
export interface ExperimentJudgement {
  /** When it was read, in milliseconds since the Unix epoch. */
  readonly atMilliseconds: number;
  /** By name of the arm, the primary metric first. */
  readonly findings: ReadonlyMap<string, readonly ArmFinding[]>;
  /** An arm that does harm, in words. */
  readonly harm?: string;
  /** Why no comparison means anything, in words. */
  readonly skew?: string;
}

/** What is seen of an experiment. */
export interface ExperimentView {
  readonly spec: ModelExperimentSpec;
  readonly status: ModelExperimentStatus;
  readonly generation: number;
  readonly nowMilliseconds: number;
  /** The stable revision. */
  readonly stable: string;
  /** What its metrics are by now. */
  readonly metrics: readonly JudgedMetric[];
  /** Why it may not begin, or begin again. */
  readonly obstacle?: Obstacle;
  /** Why it cannot go on, once it has begun. */
  readonly interruption?: Interruption;
  /** The arms as they stand; weights as they are while the arms have shares. */
  readonly arms: readonly Omit<ExperimentArmStatus, "findings">[];
  /** Why replicas are missing, in words; empty where none are. */
  readonly shortage: string;
  /** By which plans the arms had their shares so far. */
  readonly shares: readonly ExperimentShare[];
  /** The stored plan gives the arms their shares, and every live router has acknowledged it. */
  readonly isInEffect: boolean;
  /** How long the slowest label of the metrics takes, in milliseconds. */
  readonly slowestLabelMilliseconds: number;
  /** Absent while nothing is known that one may judge by. */
  readonly judgement?: ExperimentJudgement;
  /** Why nothing is known; absent where something is, or nothing is asked. */
  readonly ignorance?: string;
  /** It is asked for what is known, and no try of whoever leads now has ended yet. */
  readonly isUnread?: boolean;
}

/** Where an experiment goes from here. */
export interface ExperimentOutcome {
  readonly status: ModelExperimentStatus;
  /** The arms get their shares. */
  readonly givesShares: boolean;
  /** The arms are to have their replicas. */
  readonly needsReplicas: boolean;
  /** When it is to be looked at again, in milliseconds since the Unix epoch. */
  readonly wakeAtMilliseconds?: number;
}
