/**
 * What a pipeline waits for, and how far it has come. Pure.
 */
import type { Condition, ConditionType } from "../../api/conditions.ts";
import { conditionOf, type DeploymentObject } from "../deployment-object.ts";

/** What can be waited for. */
export const GOALS = ["promoted", "ready"] as const;

/** One of {@link GOALS}. */
export type Goal = (typeof GOALS)[number];

/** How far it has come. */
export interface Progress {
  /** `Impossible`: it will not come by itself. */
  readonly state: "Reached" | "Waiting" | "Impossible";
  /** For people: what was reached, what is awaited, or the cause. */
  readonly said: string;
}

const CONDITION_OF: Readonly<Record<Goal, ConditionType>> = { promoted: "Promoted", ready: "Ready" };

function spoken({ reason, message }: Condition): string {
  return `${reason}: ${message}`;
}

/** How far a ModelDeployment has come. Conditions of an earlier spec count for nothing. */
export function progressTo(goal: Goal, deployment: DeploymentObject | undefined): Progress {
  if (deployment === undefined || deployment.isDeleted) {
    return { state: "Impossible", said: "it has been deleted" };
  }
  const current = (type: ConditionType) => {
    const condition = conditionOf(deployment, type);
    return (condition?.observedGeneration ?? -1) >= deployment.generation ? condition : undefined;
  };
  const wanted = current(CONDITION_OF[goal]);
  if (wanted?.status === "True") return { state: "Reached", said: spoken(wanted) };
  const stalled = current("Stalled");
  if (stalled?.status === "True") return { state: "Impossible", said: `Stalled: ${spoken(stalled)}` };
  if (deployment.isSuspended) {
    return { state: "Impossible", said: "spec.suspend is true: nothing goes on until it is false" };
  }
  if (!deployment.isReadable) {
    return { state: "Waiting", said: "its status does not fit this version of petrel" };
  }
  if (wanted === undefined) return { state: "Waiting", said: "no operator has looked at this spec yet" };
  const rollout = current("RolloutInProgress");
  const telling = goal === "promoted" && rollout?.status === "True" ? rollout : (current("Ready") ?? wanted);
  return {
    state: "Waiting",
    said: spoken(telling.type === "Ready" && telling.status === "True" ? wanted : telling),
  };
}
