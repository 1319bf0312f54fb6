/**
 * Whether a release is over by what is seen, and why. Pure.
 *
 * People come before the spec, the spec before the gates. A promotion is told only once the role is stored.
 */
import type { RolloutVerdict } from "../../api/model-rollout.ts";
import { reportedMessage } from "../conditions/condition-words.ts";
import { judgedStep, type NamedFinding } from "./gates/judged-step.ts";
import { dueTime, type RolloutStep } from "./rollout-steps.ts";
import { rolloutTime } from "./rollout-time.ts";
import type { RolloutView } from "./rollout-view.ts";

/** What the gates say of the step that is stored, where one may give the release up. */
export function gatesAsStored(view: RolloutView, steps: readonly RolloutStep[]): readonly NamedFinding[] {
  const { step = 0, history } = view.status;
  const isAsked = view.role === "Candidate" && step > 0 && view.spec.decision === undefined;
  const entry = history?.at(-1);
  return isAsked ? view.judge(judgedStep(steps, step, entry, dueTime(steps, step, entry))) : [];
}

/**
 * The verdict on a release that has none yet; undefined when it goes on.
 *
 * @param gates as {@link gatesAsStored} has them.
 */
export function verdictOf(
  view: RolloutView,
  steps: readonly RolloutStep[],
  gates: readonly NamedFinding[],
): RolloutVerdict | undefined {
  const at = rolloutTime(view.nowMilliseconds);
  const { spec, role } = view;
  const said = spec.reason === undefined ? "" : `: ${spec.reason}`;
  if (role === "Promoted") return promotedVerdict(view, steps, at);
  // What is decided is not stored yet: it is told once it is.
  if (role === "Promoting") return undefined;
  if (spec.decision === "Abort") {
    const message = `a person gave the release up${said}`;
    return { outcome: "Aborted", reason: "DecidedByPerson", message, at };
  }
  if (role === "Undone") {
    const message = `${view.undoneBy ?? "a person"} had the traffic taken back`;
    return { outcome: "Superseded", reason: "Undone", message, at };
  }
  if (role === "ReturnedToStable") {
    const message = "the spec asks for the stable revision again";
    return { outcome: "Superseded", reason: "ReturnedToStable", message, at };
  }
  if (role === "Replaced") {
    const message = "the spec asks for another revision";
    return { outcome: "Superseded", reason: "NewRevision", message, at };
  }
  const failed = gates.find(({ outcome }) => outcome === "Fail");
  if (failed === undefined) return undefined;
  const message = reportedMessage(`gate ${failed.name}: ${failed.message}`);
  return { outcome: "Aborted", reason: "GateFailed", message, at };
}

function promotedVerdict(
  { spec, status }: RolloutView,
  steps: readonly RolloutStep[],
  at: string,
): RolloutVerdict {
  const passed = (status.history ?? []).filter(({ endedAt }) => endedAt !== undefined).length;
  const isWhole = passed >= steps.length - 1;
  if (!isWhole && spec.decision === "Promote") {
    const said = spec.reason === undefined ? "" : `: ${spec.reason}`;
    return {
      outcome: "Promoted",
      reason: "DecidedByPerson",
      message: `a person had it promoted after ${passed} of ${steps.length - 1} steps${said}`,
      at,
    };
  }
  if (!isWhole && status.stableLostAt !== undefined) {
    const message = `the stable revision had no ready replica since ${status.stableLostAt}: the remaining steps were skipped`;
    return { outcome: "Promoted", reason: "StableBroken", message, at };
  }
  if (!isWhole) {
    const message = "the record of the stable revision is lost, so it took its place";
    return { outcome: "Promoted", reason: "StableLost", message, at };
  }
  return { outcome: "Promoted", reason: "StepsPassed", message: "it has all the traffic", at };
}
