/**
 * The Events that a change of status is worth: one for a change, none for an attempt.
 */
import type { ModelDeploymentStatus } from "../api/model-deployment-status.ts";
import type { EventIntent } from "./decision.ts";

function conditionOf(status: ModelDeploymentStatus, type: string) {
  return status.conditions?.find((condition) => condition.type === type);
}

/** A condition is told when its status or its reason changed; `badStatus` makes it a warning. */
function conditionEvent(
  before: ModelDeploymentStatus,
  after: ModelDeploymentStatus,
  type: string,
  badStatus: "True" | "False",
): readonly EventIntent[] {
  const then = conditionOf(before, type);
  const now = conditionOf(after, type);
  if (now === undefined || (then?.status === now.status && then.reason === now.reason)) return [];
  // The first reconcile finds nothing running, and starting takes its steps: that is no news.
  const isOrdinaryStart = now.reason === "ReplicasNotReady" || now.reason === "RouterNotReady";
  if (now.status === "False" && (then === undefined || (then.status === "False" && isOrdinaryStart)))
    return [];
  return [
    {
      type: now.status === badStatus ? "Warning" : "Normal",
      reason: now.reason,
      action: `${type}${now.status}`,
      note: now.message,
    },
  ];
}

function roleEvents(before: ModelDeploymentStatus, after: ModelDeploymentStatus): readonly EventIntent[] {
  const events: EventIntent[] = [];
  const { stable, candidate } = after.revisions ?? {};
  const previous = before.revisions?.stable;
  if (candidate !== undefined && candidate !== before.revisions?.candidate) {
    const note = `bringing up model revision ${candidate} beside ${stable}`;
    events.push({ type: "Normal", reason: "NewRevision", action: "StartRollout", note });
  }
  // A revision that nobody was served by is replaced without a word.
  const isLed = after.traffic?.arms.some((arm) => arm.pools[0]?.revision === stable) === true;
  if (previous !== undefined && stable !== previous && isLed && (before.traffic?.arms.length ?? 0) > 0) {
    const note = `model revision ${stable} took the place of ${previous}`;
    events.push({ type: "Normal", reason: "Promoted", action: "Promote", note });
  }
  return events;
}

/** Events for the way from one status to the next. */
export function eventsBetween(
  before: ModelDeploymentStatus,
  after: ModelDeploymentStatus,
): readonly EventIntent[] {
  return [
    ...roleEvents(before, after),
    ...conditionEvent(before, after, "Ready", "False"),
    ...conditionEvent(before, after, "Stalled", "True"),
    ...(after.revisions?.candidate === undefined ? [] : rolloutTrouble(before, after)),
  ];
}

/** A rollout that meets trouble is told by its reason; its mere begin and end are told by the roles. */
function rolloutTrouble(before: ModelDeploymentStatus, after: ModelDeploymentStatus): readonly EventIntent[] {
  const reason = conditionOf(after, "RolloutInProgress")?.reason;
  if (reason === "NewRevision" || reason === "MovingTraffic") return [];
  return conditionEvent(before, after, "RolloutInProgress", "True");
}
