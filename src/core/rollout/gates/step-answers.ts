/**
 * Whether answers of both revisions are counted in the step that a gate is to let end. Evidence of a whole release says
 * that it is enough also when nothing has been counted since an earlier step: a step of which nothing is known never
 * passes by that.
 */
import type { ArmCell, CollectedEvidence, MetricEvidence, StepView } from "./gate-evidence.ts";
import type { Judgement } from "./judgement.ts";

/**
 * What is lacking before a step may pass; undefined when nothing is. That labels of the step have had their time to
 * mature is for the caller to see.
 */
export function lackOfAnswers(
  step: StepView,
  { recentRequests }: CollectedEvidence,
  { arrived, matured }: MetricEvidence,
): Pick<Judgement, "verdict" | "reason" | "message"> | undefined {
  if (!hasBothArms(step, arrived.filter(hasAnswers))) {
    const message = "no answers of both revisions are counted since the share of this step is in effect";
    return { verdict: "NoData", reason: "StepNotCounted", message };
  }
  if (
    !hasBothArms(
      step,
      recentRequests.filter(({ requests }) => requests > 0),
    )
  ) {
    const message = "no answers of both revisions were counted in the last 10 minutes";
    return { verdict: "TooLittle", reason: "NotCountedLately", message };
  }
  if (step.isLast && !hasBothArms(step, matured.filter(hasAnswers))) {
    const message = "no answers of both revisions in this step have matured";
    return { verdict: "TooLittle", reason: "LabelsImmature", message };
  }
  return undefined;
}

function hasAnswers({ answers }: ArmCell): boolean {
  return Array.from(answers).some((count) => count > 0);
}

/** Under one plan: answers under two plans are not compared. */
function hasBothArms({ epochs }: StepView, counted: readonly Pick<ArmCell, "epoch" | "arm">[]): boolean {
  if (epochs === undefined) return false;
  const ofStep = counted.filter(({ epoch }) => epochs.first <= epoch && epoch <= epochs.last);
  return ofStep.some(
    ({ epoch, arm }) =>
      arm === "Candidate" && ofStep.some((other) => other.arm === "Stable" && other.epoch === epoch),
  );
}
