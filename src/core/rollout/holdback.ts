/**
 * The holdback of a release: the old revision keeps a share of the traffic as a control, with the replicas for that share
 * alone, and on harm takes all of it back. Pure.
 *
 * What is given up goes back as replicas of the old revision come, and the candidate gives its own up by as much: so the
 * way back ends also where there is room for one revision alone. It must never send the old revision more than its ready
 * replicas carry while the candidate can answer, but for its last one where that finds no room, and never give the candidate
 * anything back.
 */
import type { ModelRolloutStatus, RolloutVerdict } from "../../api/model-rollout-status.ts";
import { formatPercentage, parsePercentage } from "../../api/percentage.ts";
import { FULL_WEIGHT } from "../../api/traffic-plan.ts";
import { describeRollout } from "./describe-rollout.ts";
import { holdbackStep, type RolloutStep, weightOfStep } from "./rollout-steps.ts";
import { rolloutTime } from "./rollout-time.ts";
import type { HoldbackState, RolloutOutcome, RolloutView } from "./rollout-view.ts";

/** Whether a release has come to its holdback: stable may have the replicas for its share alone from then on. */
export function isHeldBack(
  { status, isHeldBack: isStoredSo }: Pick<RolloutView, "status" | "isHeldBack">,
  steps: readonly RolloutStep[],
): boolean {
  const held = holdbackStep(steps);
  return isStoredSo || (held !== undefined && (status.step ?? 0) >= held && wasIn(status, held));
}

/** What skips all steps skips the holdback as well. */
function wasIn({ history = [] }: ModelRolloutStatus, held: number): boolean {
  return history.some(({ step }) => step === held);
}

/**
 * What stable is to carry while the candidate has a share; undefined while that is everything: outside of a holdback, and
 * as soon as the candidate has no traffic.
 */
export function holdingState(steps: readonly RolloutStep[], weight: number): HoldbackState | undefined {
  const held = holdbackStep(steps);
  return held === undefined ? undefined : keepingState(FULL_WEIGHT - weightOfStep(steps, held), weight);
}

/**
 * The same by the share that stable keeps. The candidate may have less than the rest, after a crash between two writes
 * or while traffic went back: stable must be able to carry what it then has.
 */
export function keepingState(kept: number, weight: number): HoldbackState | undefined {
  if (weight === 0) return undefined;
  return { phase: "Holding", kept, stableRoom: Math.max(kept, FULL_WEIGHT - weight) };
}

/**
 * The next look at a release that was given up in its holdback; undefined once stable carries all the traffic, or nobody
 * of the candidate can answer: then the verdict falls.
 *
 * @param verdict that will fall; what is stored of it holds.
 */
export function takeBack(
  view: RolloutView,
  steps: readonly RolloutStep[],
  verdict: RolloutVerdict,
): RolloutOutcome | undefined {
  const { status, anyIsReady, reportedWeight } = view;
  const stableCarries = view.lacksRoomForLast ? FULL_WEIGHT : view.stableCarries;
  // One that was made again says nothing of its own yet.
  const before = Math.min(parsePercentage(status.weight ?? "100%"), reportedWeight);
  const weight = anyIsReady ? Math.min(before, FULL_WEIGHT - stableCarries) : 0;
  if (weight <= 0) return undefined;
  const { nextCheckAt: _next, weightInEffectAt: _since, ...rest } = status;
  const message = `${verdict.message}; ${formatPercentage(weight)} of the traffic waits for replicas of the old revision, which carry ${formatPercentage(FULL_WEIGHT - weight)}`;
  const returning: ModelRolloutStatus = {
    ...rest,
    startedAt: rest.startedAt ?? rolloutTime(view.nowMilliseconds),
    step: rest.step ?? holdbackStep(steps) ?? steps.length,
    steps: steps.length,
    weight: formatPercentage(weight),
    returning: verdict,
  };
  return {
    status: describeRollout(view, returning, "Returning", message),
    weight,
    mirror: 0,
    capacityWeight: weight,
    takesStableAway: false,
    holdback: { phase: "Returning", stableRoom: FULL_WEIGHT },
  };
}
