/**
 * What is reported while an undo stands and nobody knows any more what the revision holds that it goes back to.
 *
 * Nothing is decided then: to go on with what the spec states would give the undone model its traffic again. The
 * status is taken over as it stands, so roles and traffic stay where they are. Pure.
 */
import type { Condition, ConditionReason, ConditionType } from "../../api/conditions.ts";
import type { ModelDeploymentStatus } from "../../api/model-deployment-status.ts";
import { reportedMessage, reportedTime } from "../conditions/condition-words.ts";
import { availableFinding } from "../conditions/plan-conditions.ts";
import type { Observation } from "../observation.ts";
import { acknowledgedEpoch } from "../traffic/acknowledged-epoch.ts";
import type { UndoPlan } from "./plan-undo.ts";

/** What else may be said is not known to be so. */
const UNKNOWN_NOW: ReadonlySet<string> = new Set<ConditionType>([
  "Ready",
  "Available",
  "Promoted",
  "Stalled",
  "Reconciling",
  "Undone",
  "StandbyReady",
  "AnomalyDetected",
  "Suspended",
]);

/** Whether an undo stands whose target is lost. */
export function isTargetLost({ standing, target }: UndoPlan): boolean {
  return standing !== undefined && target === undefined;
}

/** The status to store. */
export function lostTargetStatus(
  observation: Observation,
  { status: undo, standing, stated }: UndoPlan,
): ModelDeploymentStatus {
  const { deployment, nowMilliseconds } = observation;
  const { generation } = deployment.metadata;
  const { conditions = [], standby: _unknown, ...held } = deployment.status;
  const message = `the ControllerRevision ${standing?.revision}, which the undo ${standing?.request} goes back to, is gone: everything stays as it is. Bring it back, have another revision by petrel undo --to, or state another model; petrel retry ends the undo, and releases ${stated.revision.name}`;
  const say = (
    type: ConditionType,
    value: Condition["status"],
    reason: ConditionReason,
    text = message,
  ): Condition => {
    const before = conditions.find((condition) => condition.type === type);
    return {
      type,
      status: value,
      reason,
      message: reportedMessage(text),
      observedGeneration: generation,
      lastTransitionTime:
        before?.status === value ? before.lastTransitionTime : reportedTime(nowMilliseconds),
    };
  };
  const suspended = "spec.suspend is true: everything stays as it is, whatever the rest of the spec says";
  const { traffic } = held;
  const available =
    traffic === undefined
      ? ({ status: "False", reason: "NoReadyReplica", message: "nobody has any traffic" } as const)
      : availableFinding(observation, { traffic });
  return {
    ...held,
    observedGeneration: generation,
    acknowledgedEpoch: acknowledgedEpoch(observation),
    ...(undo === undefined ? {} : { undo }),
    conditions: [
      say("Ready", "False", "UndoTargetLost"),
      say("Available", available.status, available.reason, available.message),
      say("Promoted", "False", "UndoTargetLost"),
      ...conditions
        .filter(({ type }) => !UNKNOWN_NOW.has(type))
        .map((condition) => ({ ...condition, observedGeneration: generation })),
      say("Undone", "True", "UndoTargetLost"),
      ...(deployment.spec.quality?.anomalies === undefined
        ? []
        : [say("AnomalyDetected", "Unknown", "AnomaliesUnknown", `nothing is decided: ${message}`)]),
      ...(deployment.spec.suspend === true ? [say("Suspended", "True", "Suspended", suspended)] : []),
      say("Stalled", "True", "UndoTargetLost"),
    ],
  };
}
