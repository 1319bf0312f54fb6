/**
 * Says in standard terms where a release is: its phase, its message, and its conditions.
 */
import type { Condition } from "../../api/conditions.ts";
import type { ModelRolloutStatus, RolloutPhase } from "../../api/model-rollout-status.ts";
import { reportedCondition, reportedMessage } from "../conditions/condition-words.ts";

/** What it has to know of the release. */
interface Described {
  readonly generation: number;
  readonly nowMilliseconds: number;
  readonly status: ModelRolloutStatus;
}

/** The status with phase, message and conditions; the time of a condition moves when its `status` does. */
export function describeRollout(
  { generation, nowMilliseconds, status: before }: Described,
  status: ModelRolloutStatus,
  phase: RolloutPhase,
  text: string,
): ModelRolloutStatus {
  const message = reportedMessage(text);
  const { conditions } = before;
  const condition = (type: string, value: Condition["status"], reason: string): Condition =>
    reportedCondition({ generation, nowMilliseconds, conditions }, { type, status: value, reason, message });
  const isOver = status.verdict !== undefined;
  const promoted = phase === "Promoted" ? "True" : isOver ? "False" : "Unknown";
  return {
    ...status,
    observedGeneration: generation,
    phase,
    message,
    conditions: [
      condition("Progressing", isOver || phase === "Paused" ? "False" : "True", phase),
      condition("Promoted", promoted, status.verdict?.reason ?? "InProgress"),
    ],
  };
}
