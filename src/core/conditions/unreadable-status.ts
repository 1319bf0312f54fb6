/**
 * What is reported of a ModelDeployment that does not fit the schema of this operator: its CRD, or the operator, is
 * of another version.
 *
 * Nothing is decided about it, so whatever serves goes on serving. The status is taken over as it stands, whatever
 * it holds: a traffic plan that is left out would be taken from the routers. Pure.
 */
import type { Condition, ConditionReason, ConditionType } from "../../api/conditions.ts";
import { asList, asRecord, asString, type JsonRecord, valueAt } from "../../api/json.ts";
import { reportedMessage, reportedTime } from "./condition-words.ts";

const REASON: ConditionReason = "Unreadable";
/** It is not known whether work goes on. */
const UNKNOWN_NOW: ReadonlySet<unknown> = new Set<ConditionType>(["Ready", "Stalled", "Reconciling"]);

/** What was read of such a ModelDeployment. */
export interface Unreadable {
  /** Which field is not as expected, and how. */
  readonly problem: string;
  readonly generation: number;
  /** As the API server stores it. */
  readonly status: unknown;
  readonly nowMilliseconds: number;
}

/** The status to store: that which stands, with conditions that tell the problem. */
export function unreadableStatus({ problem, generation, status, nowMilliseconds }: Unreadable): JsonRecord {
  const standing = asRecord(status) ?? {};
  const conditions = asList(standing["conditions"]);
  const message = `this operator cannot read it, and leaves what serves as it is: ${problem}`;
  const now = reportedTime(nowMilliseconds);
  const say = (type: ConditionType, value: "True" | "False"): Condition => {
    const before = conditions.find((condition) => valueAt(condition, "type") === type);
    const since =
      valueAt(before, "status") === value ? asString(valueAt(before, "lastTransitionTime")) : undefined;
    return {
      type,
      status: value,
      reason: REASON,
      message: reportedMessage(message),
      observedGeneration: generation,
      lastTransitionTime: since ?? now,
    };
  };
  return {
    ...standing,
    // Or kstatus would wait for it for ever.
    observedGeneration: generation,
    conditions: [
      say("Ready", "False"),
      ...conditions.filter((condition) => !UNKNOWN_NOW.has(valueAt(condition, "type"))),
      say("Stalled", "True"),
    ],
  };
}
