/**
 * What the state machine of a release sees, and what it says.
 */
import type { ModelRolloutSpec } from "../../api/model-rollout-spec.ts";
import type { MirroredShare, ModelRolloutStatus, RolloutShare } from "../../api/model-rollout-status.ts";
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
  /** The spec asks for the stable revision again, likewise. */
  readonly isReturned: boolean;
  /** The spec asks for a third revision, whose own release can begin as soon as the holdback ends. */
  readonly isReplaced: boolean;
  /** By what is stored of the ModelDeployment, stable has the replicas for its share of a holdback alone. */
  readonly isHeldBack: boolean;
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
  /** Share of the traffic that the ready replicas of stable carry, in parts of 10,000. */
  readonly stableCarries: number;
  /** The last replica of stable waits for the room that the last one of the candidate has. */
  readonly lacksRoomForLast: boolean;
  /** No pod of the stable revision is left, and no plan in effect names it. */
  readonly stableHasLeft: boolean;
  /** What the gates say of a step. */
  readonly judge: (step: JudgedStep) => readonly NamedFinding[];
}

/** What becomes of stable in a holdback. */
export interface HoldbackState {
  /** `Holding`: it is a control, and the candidate serves. `Returning`: the traffic goes back to it. */
  readonly phase: "Holding" | "Returning";
  /** Share of the traffic that it keeps as a control, in parts of 10,000; absent once the traffic goes back. */
  readonly kept?: number;
  /** Share of the traffic that its replicas are to be able to carry, in parts of 10,000. */
  readonly stableRoom: number;
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
  /** Absent while stable is to carry all the traffic, if it must. */
  readonly holdback?: HoldbackState;
  /** When it is to be looked at again, in milliseconds since the Unix epoch. */
  readonly wakeAtMilliseconds?: number;
}
