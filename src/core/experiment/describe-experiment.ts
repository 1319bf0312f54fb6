/**
 * Says in standard terms where an experiment is: its phase, its message and its conditions, and what was found.
 */
import type { Condition } from "../../api/conditions.ts";
import type { ExperimentPhase, ModelExperimentStatus } from "../../api/experiment-status.ts";
import { reportedCondition, reportedMessage } from "../conditions/condition-words.ts";
import { present } from "../rollout/gates/figure-text.ts";
import type { ExperimentView } from "./experiment-view.ts";

/** The status with phase, message and conditions; the time of a condition moves when its `status` does. */
export function describeExperiment(
  {
    generation,
    nowMilliseconds,
    status: before,
  }: Pick<ExperimentView, "generation" | "nowMilliseconds" | "status">,
  { reason: _former, ...status }: ModelExperimentStatus,
  phase: ExperimentPhase,
  reason: string | undefined,
  text: string,
): ModelExperimentStatus {
  const message = reportedMessage(text);
  const { conditions } = before;
  const condition = (type: string, value: Condition["status"]): Condition =>
    reportedCondition(
      { generation, nowMilliseconds, conditions },
      { type, status: value, reason: reason ?? phase, message },
    );
  return {
    ...status,
    observedGeneration: generation,
    phase,
    ...present({ reason }),
    message,
    conditions: [
      condition("Running", phase === "Running" ? "True" : "False"),
      condition("Ended", phase === "Ended" ? "True" : "False"),
    ],
  };
}

/** Why an experiment ended, with what was found of the primary metric of each arm. */
export function verdictWords(why: string, { arms = [] }: ModelExperimentStatus): string {
  const found = arms.flatMap(({ name, findings = [] }) =>
    findings.filter(({ role }) => role === "Primary").map(({ message }) => `arm ${name}, ${message}`),
  );
  return reportedMessage([why, ...found].join("; "));
}
