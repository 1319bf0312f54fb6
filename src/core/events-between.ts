/**
 * The Events that a change of status is worth: one for a change, none for an attempt.
 */
import type { StatedAlarm } from "../api/anomaly-status.ts";
import { type ConditionReason, ORDINARY_ROLLOUT_REASONS } from "../api/conditions.ts";
import type { ModelDeploymentStatus } from "../api/model-deployment-status.ts";
import { alarmText, isSameAlarm } from "./anomaly/alarm-words.ts";
import type { EventIntent, RolloutReport } from "./decision.ts";
import { stepsOf } from "./rollout/rollout-steps.ts";

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
      type: now.status === badStatus && now.reason !== "ReplacingReplicas" ? "Warning" : "Normal",
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

/** That a model is judged is told once for each time; what became of it is told by the condition. */
function validationBegin(
  { validation: before }: ModelDeploymentStatus,
  { validation: after, conditions }: ModelDeploymentStatus,
): readonly EventIntent[] {
  if (after === undefined || after.outcome !== undefined || after.job === before?.job) return [];
  const note = conditions?.find(({ type }) => type === "Validated")?.message ?? "";
  return [{ type: "Normal", reason: "Validating", action: "BeginValidation", note }];
}

/** That an alarm began or ended is told once for each. */
function alarmEvents(
  { anomalies: { alarms: before = [] } = {} }: ModelDeploymentStatus,
  { anomalies: { alarms: after = [] } = {} }: ModelDeploymentStatus,
): readonly EventIntent[] {
  const notIn = (others: readonly StatedAlarm[]) => (alarm: StatedAlarm) =>
    others.every((other) => !isSameAlarm(other, alarm));
  return [
    ...after.filter(notIn(before)).map((alarm): EventIntent => {
      const follows = alarm.reaction === undefined ? "" : `; ${alarm.reaction}`;
      const note = `${alarmText(alarm)}${follows}`;
      return { type: "Warning", reason: "AnomalyDetected", action: "BeginAnomaly", note };
    }),
    ...before.filter(notIn(after)).map(({ series, since }): EventIntent => {
      const note = `${series}: the alarm about what began at ${since} has ended`;
      return { type: "Normal", reason: "AnomalyEnded", action: "EndAnomaly", note };
    }),
  ];
}

/** Each change of the replicas that are asked for is told once. */
function scalingEvents(
  { autoscaling: before }: ModelDeploymentStatus,
  { autoscaling: after }: ModelDeploymentStatus,
): readonly EventIntent[] {
  if (before === undefined || after === undefined || before.replicas === after.replicas) return [];
  const isOut = after.replicas > before.replicas;
  const note = `${before.replicas} to ${after.replicas} replicas of the first pool, because of: ${after.because}`;
  return [{ type: "Normal", reason: isOut ? "ScaledOut" : "ScaledIn", action: "Scale", note }];
}

/** Reasons of `Stalled` that have an Event of their own. */
const TOLD_ELSEWHERE: ReadonlySet<string> = new Set<ConditionReason>(["RolloutAborted", "Undoing", "Undone"]);

/** Events for the way from one status to the next. */
export function eventsBetween(
  before: ModelDeploymentStatus,
  after: ModelDeploymentStatus,
): readonly EventIntent[] {
  const validation = [
    ...validationBegin(before, after),
    ...conditionEvent(before, after, "Validated", "False"),
  ];
  const isTold = ({ reason }: EventIntent) => validation.some((event) => event.reason === reason);
  // That a release was given up is told of the release, and an undo where it begins.
  const stalled = conditionEvent(before, after, "Stalled", "True").filter(
    (event) => !TOLD_ELSEWHERE.has(event.reason) && !isTold(event),
  );
  const isToldAlready = (event: EventIntent) =>
    isTold(event) || stalled.some(({ reason, note }) => event.reason === reason && event.note === note);
  return [
    ...roleEvents(before, after),
    ...validation,
    // What stalls takes Ready away as well, for the same reason: that is one change.
    ...conditionEvent(before, after, "Ready", "False").filter((event) => !isToldAlready(event)),
    ...stalled,
    ...conditionEvent(before, after, "Suspended", "False"),
    ...alarmEvents(before, after),
    ...scalingEvents(before, after),
    // That the load is known at first is no news.
    ...(conditionOf(before, "ScalingActive")?.status === "Unknown"
      ? []
      : conditionEvent(before, after, "ScalingActive", "False")),
    ...conditionEvent(before, after, "ScalingLimited", "True"),
    ...(after.revisions?.candidate === undefined ? [] : rolloutTrouble(before, after)),
  ];
}

/**
 * A rollout that meets trouble is told by its reason. What it does by itself is told of the ModelRollout; its begin and
 * end are told by the roles.
 */
function rolloutTrouble(before: ModelDeploymentStatus, after: ModelDeploymentStatus): readonly EventIntent[] {
  const reason = conditionOf(after, "RolloutInProgress")?.reason;
  if (ORDINARY_ROLLOUT_REASONS.has(reason)) return [];
  return conditionEvent(before, after, "RolloutInProgress", "True");
}

/** Events for what has become of a release. That it was promoted is told by the roles. */
export function eventsOfRollout({ rollout, status: after }: RolloutReport): readonly EventIntent[] {
  const { name, status: before } = rollout;
  const tell = (
    type: EventIntent["type"],
    reason: string,
    action: string,
    note = after.message ?? "",
  ): EventIntent => ({ type, reason, action, note: `ModelRollout ${name}: ${note}` });
  const { verdict } = after;
  if (verdict !== undefined) {
    if (before.verdict !== undefined || verdict.outcome === "Promoted") return [];
    return verdict.outcome === "Aborted"
      ? [tell("Warning", "RolloutAborted", "AbortRollout")]
      : [tell("Normal", "RolloutSuperseded", "SupersedeRollout")];
  }
  if (after.returning !== undefined) {
    return before.returning === undefined ? [tell("Warning", "ReturningTraffic", "TakeTrafficBack")] : [];
  }
  const [step = 0, former = 0] = [after.step, before.step];
  const events: EventIntent[] = [];
  const isNewStep = step > former && (after.steps ?? 1) > 1;
  if (isNewStep && stepsOf(rollout.spec)[step - 1]?.isHoldback === true) {
    const note = `the steps are passed: it has ${after.weight} of the traffic, and stable keeps ${rollout.spec.holdback?.weight} as a control for ${rollout.spec.holdback?.for}`;
    events.push(tell("Normal", "HoldingBack", "BeginHoldback", note));
  } else if (isNewStep) {
    const { mirrored } = after.history?.at(-1) ?? {};
    const given = mirrored === undefined ? `gives it ${after.weight}` : `sends it copies of ${mirrored}`;
    const note = `step ${step} of ${after.steps} ${given} of the traffic`;
    events.push(tell("Normal", "RolloutStep", "BeginStep", note));
  } else if (step > 0 && after.weight === "0%" && before.weight !== "0%") {
    events.push(tell("Warning", "RolloutInterrupted", "TakeTrafficBack"));
  }
  if (after.phase === "Paused" && before.phase !== "Paused")
    events.push(tell("Normal", "RolloutPaused", "PauseRollout"));
  if (after.phase !== "Paused" && before.phase === "Paused")
    events.push(tell("Normal", "RolloutResumed", "ResumeRollout"));
  return events;
}
