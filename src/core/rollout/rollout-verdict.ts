/**
 * Whether a release is over by what is seen, and why. Pure.
 *
 * People come before the spec, the spec before the gates. A promotion is told only once the role is stored.
 */
import type { ModelRolloutStatus, RolloutVerdict } from "../../api/model-rollout-status.ts";
import { reportedMessage } from "../conditions/condition-words.ts";
import { judgedStep, type NamedFinding } from "./gates/judged-step.ts";
import { isHeldBack } from "./holdback.ts";
import { dueTime, holdbackStep, type RolloutStep } from "./rollout-steps.ts";
import { rolloutTime } from "./rollout-time.ts";
import type { RolloutView } from "./rollout-view.ts";

/** What the gates say of the step that is stored, where one may give the release up. */
export function gatesAsStored(view: RolloutView, steps: readonly RolloutStep[]): readonly NamedFinding[] {
  const { step = 0, history } = view.status;
  const isAsked =
    view.role === "Candidate" &&
    step > 0 &&
    view.spec.decision === undefined &&
    view.status.returning === undefined;
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
  const { spec, role, status } = view;
  const inHoldback = isHeldBack(view, steps);
  const said = spec.reason === undefined ? "" : `: ${spec.reason}`;
  if (role === "Promoted") return promotedVerdict(view, steps, at);
  // What is decided is not stored yet: it is told once it is.
  if (role === "Promoting") return undefined;
  if (status.returning !== undefined) return status.returning;
  if (spec.decision === "Abort") {
    const message = `a person gave the release up${said}`;
    return { outcome: "Aborted", reason: "DecidedByPerson", message, at };
  }
  if (role === "Undone" || (inHoldback && view.isUndone)) {
    const message = `${view.undoneBy ?? "a person"} had the traffic taken back`;
    return { outcome: "Superseded", reason: "Undone", message, at };
  }
  if (role === "ReturnedToStable" || (inHoldback && view.isReturned)) {
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
  const held = holdbackStep(steps);
  const passed = (status.history ?? []).filter(({ endedAt }) => endedAt !== undefined).length;
  const inHoldback = (status.history ?? []).find(({ step }) => step === held);
  // One whose ModelRollout was deleted in its holdback does not know any more what came before.
  const isWhole = passed >= steps.length - 1 || (held !== undefined && inHoldback?.endedAt !== undefined);
  const said = spec.reason === undefined ? "" : `: ${spec.reason}`;
  const promoted = (reason: RolloutVerdict["reason"], message: string): RolloutVerdict => ({
    outcome: "Promoted",
    reason,
    message: reportedMessage(message),
    at,
  });
  const isCut = held !== undefined && inHoldback !== undefined;
  if (status.returning !== undefined) {
    const meant = `it was to be given up: ${status.returning.message}`;
    return promoted(
      "StableLost",
      `the record of the stable revision is lost, so it took its place, though ${meant}`,
    );
  }
  if (!isWhole && spec.decision === "Promote" && isCut) {
    return promoted("DecidedByPerson", `a person ended its holdback${said}${undecided(status)}`);
  }
  if (!isWhole && spec.decision === "Promote") {
    const steppedThrough = steps.length - (held === undefined ? 1 : 2);
    return promoted(
      "DecidedByPerson",
      `a person had it promoted after ${passed} of ${steppedThrough} steps${said}`,
    );
  }
  if (!isWhole && status.stableLostAt !== undefined) {
    return promoted(
      "StableBroken",
      `the stable revision had no ready replica since ${status.stableLostAt}: the remaining steps were skipped`,
    );
  }
  if (!isWhole && isCut && status.step === steps.length) {
    const message = `it has all the traffic; its holdback ended early, for the spec asks for another revision`;
    return promoted("StepsPassed", `${message}${undecided(status)}`);
  }
  if (!isWhole && status.step === steps.length) {
    const unknown = "its ModelRollout was deleted, and with it what became of its steps";
    return promoted("StepsPassed", `it has all the traffic; ${unknown}`);
  }
  if (!isWhole) {
    return promoted("StableLost", "the record of the stable revision is lost, so it took its place");
  }
  return promoted("StepsPassed", `it has all the traffic${undecided(status)}`);
}

/** What the holdback was to decide and did not is never passed over in silence. */
function undecided({ passedGates = [], gates = passedGates }: ModelRolloutStatus): string {
  const open = gates.filter(({ deferred, outcome }) => deferred === true && outcome !== "Pass");
  if (open.length === 0) return "";
  const names = open.map(({ name, reason }) => `${name} (${reason ?? "Wait"})`).join(", ");
  return `; not shown in its holdback: gate ${names}`;
}
