/**
 * Says of a release that goes on where it is and what is awaited, for people. Pure.
 *
 * Nothing in a text moves with the time: a status is written on transitions only.
 */
import { formatPercentage } from "../../api/percentage.ts";
import { FULL_WEIGHT } from "../../api/traffic-plan.ts";
import { awaitedGate, type NamedFinding } from "./gates/judged-step.ts";
import { mirrorOfStep, type RolloutStep, weightOfStep } from "./rollout-steps.ts";
import { rolloutTime } from "./rollout-time.ts";
import type { RolloutView } from "./rollout-view.ts";

/** What a release has come to in one look. */
export interface Situation {
  readonly view: RolloutView;
  readonly steps: readonly RolloutStep[];
  readonly step: number;
  readonly next: number;
  readonly weight: number;
  readonly mirror: number;
  readonly dueAt: number | undefined;
  readonly isPassed: boolean;
  readonly isHeld: boolean;
  readonly grows: boolean;
  readonly gates: readonly NamedFinding[];
  readonly inEffectAt: string | undefined;
  readonly skips: boolean;
  /** It does not wait for the answers of both revisions to be counted alike. */
  readonly isComparable: boolean;
}

/** The phase, and what is awaited. */
export function wording(situation: Situation): {
  readonly phase: "Pending" | "Progressing" | "Paused" | "HoldingBack" | "Promoting";
  readonly message: string;
} {
  const { view, steps, step, next, weight, mirror, isHeld, isComparable } = situation;
  const isHoldback = steps[step - 1]?.isHoldback === true;
  const inSteps = isHoldback ? "HoldingBack" : "Progressing";
  const phaseOf = step === steps.length ? "Promoting" : step === 0 ? "Pending" : inSteps;
  if (isHeld && view.isUndone) {
    const by = view.undoneBy ?? "a person";
    const message = `${by} has the traffic taken back: it keeps what it has until stable can take that`;
    return { phase: phaseOf, message };
  }
  if (isHeld) {
    const inStep = isHoldback ? "in its holdback, which does not end" : `in step ${step} of ${steps.length}`;
    const where = step === 0 ? "before its first step" : inStep;
    const { reason, pausedFor } = view.spec;
    const said = reason === undefined ? "" : `: ${reason}`;
    const message =
      pausedFor === undefined
        ? `a person paused it ${where}${said}`
        : `it is paused ${where}; an anomaly had it paused: ${pausedFor}${said === "" ? "" : `; a person said${said}`}`;
    return { phase: "Paused", message };
  }
  if (step === 0 && !isComparable) {
    const message = "waits until the pods of both revisions are replaced by ones whose answers are counted";
    return { phase: phaseOf, message };
  }
  if (step === 0) {
    return {
      phase: phaseOf,
      message: `the new revision comes up for ${shareText(steps, next)} of the traffic`,
    };
  }
  const about = `step ${step} of ${steps.length}, ${shareText(steps, step)}`;
  if (isHoldback && weight > 0 && weight < weightOfStep(steps, step)) {
    const message = `${about}: it keeps ${formatPercentage(weight)} until all its replicas are ready`;
    return { phase: phaseOf, message };
  }
  if (weight === 0 && mirror === 0) {
    return { phase: phaseOf, message: `${about}: it has no traffic until its replicas are ready again` };
  }
  const { phase, message } = waiting(situation);
  return { phase: phase ?? phaseOf, message: `${about}: ${message}` };
}

/** `10%`, or `copies of 1%`. */
function shareText(steps: readonly RolloutStep[], step: number): string {
  const mirror = mirrorOfStep(steps, step);
  return mirror > 0 ? `copies of ${formatPercentage(mirror)}` : formatPercentage(weightOfStep(steps, step));
}

function waiting({ view, steps, step, next, dueAt, isPassed, grows, gates, inEffectAt, skips }: Situation): {
  readonly phase?: "Paused";
  readonly message: string;
} {
  if (inEffectAt === undefined || grows) return { message: "routers take it up" };
  if (next > step) {
    const share = shareText(steps, next);
    const why = skips && !isPassed ? "the rest of the steps is skipped" : "passed";
    return { message: `${why}; replicas for ${share} come up` };
  }
  const held = steps[step - 1];
  if (held?.isHoldback === true && dueAt !== undefined) {
    const share = formatPercentage(FULL_WEIGHT - held.weight);
    return { message: `the old revision keeps ${share} as a control until ${rolloutTime(dueAt)}` };
  }
  if (step === steps.length) return { message: "in effect; it becomes stable with all its replicas" };
  if (dueAt !== undefined && dueAt > view.nowMilliseconds) {
    return { message: `until ${rolloutTime(dueAt)} at least` };
  }
  const awaited = awaitedGate(gates, view.nowMilliseconds);
  if (awaited !== undefined) return { message: awaited };
  return { phase: "Paused", message: `waits for approval: set spec.approvedStep to ${step}` };
}
