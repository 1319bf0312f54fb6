/**
 * How a ModelDeployment fares, in one word, and who has to look first. Pure.
 */
import { type ConditionReason, ORDINARY_ROLLOUT_REASONS } from "../../api/conditions.ts";
import { conditionOf, type DeploymentObject } from "../deployment-object.ts";

/** All states, from the one that needs a person most. */
export const STATES = [
  /** Nobody answers its requests, and somebody did. */
  "Down",
  /** It is refused, and nobody goes on until something is changed. */
  "Stalled",
  /** No operator has looked at it. */
  "Unseen",
  /** It lacks replicas, and time alone does not help. */
  "Short",
  /** A new revision does not come up; the stable one serves. */
  "RolloutBlocked",
  /** A rollout waits for a person: who paused it, or who approves its step. */
  "RolloutPaused",
  /** It comes up, or replaces pods. */
  "Changing",
  /** A new revision is on its way. */
  "RollingOut",
  "Deleting",
  "Suspended",
  /** Serves; its pods are those of an earlier operator. */
  "Refreshable",
  /** No replicas are asked for. */
  "Idle",
  "Serving",
] as const;

/** One of {@link STATES}. */
export type State = (typeof STATES)[number];

/** A state, and why. */
export interface Attention {
  readonly state: State;
  readonly why: string;
  /** Whether a person has to do something. */
  readonly needsPerson: boolean;
}

const NEEDS_PERSON: readonly State[] = STATES.slice(0, STATES.indexOf("Changing"));

/** An operator that leads looks at a new object at once. */
const UNSEEN_MILLISECONDS = 60_000;

/** Said beside everything else: nothing of it is mended meanwhile. */
const SUSPENDED = "spec.suspend is true";

/** What passes by itself. */
const ORDINARY: readonly ConditionReason[] = [
  "Creating",
  "Validating",
  "ReplicasNotReady",
  "ReplacingReplicas",
  "RouterNotReady",
  "NoReadyReplica",
];

function includes(reasons: readonly string[], reason: string | undefined): boolean {
  return reason !== undefined && reasons.includes(reason);
}

/** How it fares. */
export function attentionOf(deployment: DeploymentObject, nowMilliseconds: number): Attention {
  const { state, why } = stateOf(deployment, nowMilliseconds);
  const said = deployment.isSuspended && !deployment.isDeleted ? `${SUSPENDED}; ${why}` : why;
  return { state, why: said, needsPerson: NEEDS_PERSON.includes(state) };
}

function stateOf(
  deployment: DeploymentObject,
  nowMilliseconds: number,
): { readonly state: State; readonly why: string } {
  const { status } = deployment;
  if (!deployment.isReadable)
    return { state: "Unseen", why: "its status does not fit this version of petrel" };
  if (deployment.isDeleted) return { state: "Deleting", why: "it is being deleted" };
  const ready = conditionOf(deployment, "Ready");
  if (ready === undefined) {
    const age = nowMilliseconds - Date.parse(deployment.createdAt ?? "");
    const state = age > UNSEEN_MILLISECONDS ? "Unseen" : "Changing";
    return { state, why: "no operator has looked at it yet" };
  }
  const because = (state: State, condition = ready) => ({
    state,
    why: `${condition.reason}: ${condition.message}`,
  });
  const hasServed = (status.traffic?.arms.length ?? 0) > 0;
  const isDown = hasServed && conditionOf(deployment, "Available")?.status === "False";
  if (isDown && ready.reason !== "ScaledToZero") return because("Down");
  const stalled = conditionOf(deployment, "Stalled");
  if (stalled?.status === "True") return because("Stalled", stalled);
  if (ready.status !== "True" && !includes(ORDINARY, ready.reason)) return because("Short");
  const rollout = conditionOf(deployment, "RolloutInProgress");
  if (rollout?.status === "True" && !ORDINARY_ROLLOUT_REASONS.has(rollout.reason)) {
    return because("RolloutBlocked", rollout);
  }
  if (rollout?.status === "True" && rollout.reason === "RolloutPaused" && !deployment.isSuspended) {
    return because("RolloutPaused", rollout);
  }
  const { isSuspended } = deployment;
  if (ready.status !== "True") return because(isSuspended ? "Suspended" : "Changing");
  if (rollout?.status === "True") return because(isSuspended ? "Suspended" : "RollingOut", rollout);
  if (isSuspended) return because("Suspended");
  const refresh = conditionOf(deployment, "RefreshAvailable");
  if (refresh?.status === "True") return because("Refreshable", refresh);
  return because(ready.reason === "ScaledToZero" ? "Idle" : "Serving");
}
