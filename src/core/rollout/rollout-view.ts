/**
 * What the state machine of a release sees, and what it says.
 */
import type {
  MirroredShare,
  ModelRolloutSpec,
  ModelRolloutStatus,
  RolloutShare,
} from "../../api/model-rollout.ts";
import type { JudgedStep, NamedFinding } from "./gates/judged-step.ts";

/** What is seen of a release. */
export interface RolloutView {
  readonly spec: ModelRolloutSpec;
  readonly status: ModelRolloutStatus;
  readonly generation: number;
  readonly nowMilliseconds: number;
  /** What its revision is for: `Promoted` once that is stored, `Promoting` as long as it is only decided. */
  readonly role: "Candidate" | "Promoting" | "Promoted" | "ReturnedToStable" | "Replaced" | "Undone";
  /** It was undone, and it is the candidate only until stable can take the traffic. */
  readonly isUndone: boolean;
  /** Who had the traffic taken back, where an undo stands; a person unless given. */
  readonly undoneBy?: "a person" | "an anomaly";
  /** Share of the traffic that the stored plan gives it. */
  readonly reportedWeight: number;
  /** Share of the requests that the stored plan mirrors to it. */
  readonly reportedMirror: number;
  /** By which plans requests are mirrored to it, if ever. */
  readonly mirrored?: MirroredShare;
  /** By which plans it had a share so far. */
  readonly shares: readonly RolloutShare[];
  /** Every live router has acknowledged the stored plan. */
  readonly planIsInEffect: boolean;
  /** Whether it has the ready replicas for a share of the traffic. */
  readonly carries: (weight: number) => boolean;
  /** No gate of a step compares it with stable, or the answers of both are counted alike. */
  readonly isComparable: boolean;
  /** Some replica of it is ready. */
  readonly anyIsReady: boolean;
  /** The stable revision should have replicas, and none is ready. */
  readonly stableIsLost: boolean;
  /** No pod of the stable revision is left, and no plan in effect names it. */
  readonly stableHasLeft: boolean;
  /** What the gates say of a step. */
  readonly judge: (step: JudgedStep) => readonly NamedFinding[];
}

/** Where a release goes from here. */
export interface RolloutOutcome {
  readonly status: ModelRolloutStatus;
  /** Share of the traffic that it gets now, in parts of 10,000. */
  readonly weight: number;
  /** Share of the requests of which it gets a copy now, likewise; 0 beside a weight. */
  readonly mirror: number;
  /** Share of the traffic that its replicas are to be able to carry. */
  readonly capacityWeight: number;
  /** The stable revision is to go before it comes. */
  readonly takesStableAway: boolean;
  /** When it is to be looked at again, in milliseconds since the Unix epoch. */
  readonly wakeAtMilliseconds?: number;
}
