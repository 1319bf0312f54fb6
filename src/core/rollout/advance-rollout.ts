/**
 * The state machine of a release: from its stored status, what people said and what is seen, to its next status. Pure.
 *
 * Its memory is the number of the step, the history and the verdict; everything else follows from what is seen. A step
 * is counted from when its weight is in effect, by a stored time, so that looks that come late add up to nothing. A
 * weight grows only with the replicas that carry it, and falls to nothing at once when none is left. A verdict is
 * never taken back.
 */

import type { ModelRolloutStatus, RolloutHistoryEntry, RolloutVerdict } from "../../api/model-rollout.ts";
import { formatPercentage } from "../../api/percentage.ts";
import { FULL_WEIGHT } from "../../api/traffic-plan.ts";
import { describeRollout } from "./describe-rollout.ts";
import { judgedStep, letsEnd, letsHoldbackEnd, type NamedFinding, storedGates } from "./gates/judged-step.ts";
import { holdingState, isHeldBack, takeBack } from "./holdback.ts";
import {
  dueTime,
  holdbackStep,
  loadOfStep,
  mirrorOfStep,
  type RolloutStep,
  roomOfStep,
  stepsOf,
  weightOfStep,
} from "./rollout-steps.ts";
import { earliestAfter, rolloutTime } from "./rollout-time.ts";
import { gatesAsStored, verdictOf } from "./rollout-verdict.ts";
import type { RolloutOutcome, RolloutView } from "./rollout-view.ts";
import { wording } from "./rollout-words.ts";

/**
 * A stable revision without any ready replica is waited for so long. Then the steps are skipped: they would protect
 * nobody, and keep the fix from those whom stable fails.
 */
export const STABLE_LOSS_MILLISECONDS = 60_000;

/** Takes one look. */
export function advanceRollout(view: RolloutView): RolloutOutcome {
  const { status } = view;
  const steps = stepsOf(view.spec);
  if (status.verdict !== undefined) return over(view, status.verdict);
  const gates = gatesAsStored(view, steps);
  const verdict = verdictOf(view, steps, gates);
  if (verdict !== undefined) {
    const failed = verdict.reason === "GateFailed" && gates.length > 0 ? storedGates(gates) : undefined;
    const seen = failed === undefined ? view : { ...view, status: { ...status, gates: failed } };
    const takesBack = verdict.outcome !== "Promoted" && view.role === "Candidate" && isHeldBack(view, steps);
    return (takesBack ? takeBack(seen, steps, verdict) : undefined) ?? over(seen, verdict);
  }
  if (view.role === "Promoting") return { ...idle(status), weight: FULL_WEIGHT, capacityWeight: FULL_WEIGHT };
  return goOn(view, steps);
}

function idle(status: ModelRolloutStatus): RolloutOutcome {
  return { status, weight: 0, mirror: 0, capacityWeight: 0, takesStableAway: false };
}

/** What gates said stays where one of them ended it. */
function over(view: RolloutView, verdict: RolloutVerdict): RolloutOutcome {
  const weight = verdict.outcome === "Promoted" ? FULL_WEIGHT : 0;
  const { nextCheckAt: _next, gates: stored, weightInEffectAt, returning, ...rest } = view.status;
  const said = verdict.reason === "GateFailed" ? stored : undefined;
  const endedAt = returning === undefined ? verdict.at : rolloutTime(view.nowMilliseconds);
  const status: ModelRolloutStatus = {
    ...rest,
    startedAt: rest.startedAt ?? verdict.at,
    step: rest.step ?? 0,
    steps: rest.steps ?? stepsOf(view.spec).length,
    weight: formatPercentage(weight),
    ...(weight > 0 && weightInEffectAt !== undefined ? { weightInEffectAt } : {}),
    ...(said === undefined ? {} : { gates: said }),
    endedAt: rest.endedAt ?? endedAt,
    verdict,
  };
  const described = describeRollout(view, status, verdict.outcome, verdict.message);
  return { ...idle(described), weight, capacityWeight: weight };
}

/** One that has no verdict, and whose revision is the candidate. */
function goOn(view: RolloutView, steps: readonly [RolloutStep, ...RolloutStep[]]): RolloutOutcome {
  const now = view.nowMilliseconds;
  const last = steps.length;
  const before = begun(view, steps);
  const heldBack = isHeldBack(view, steps);
  const stableLostAt = heldBack ? undefined : lossOfStable(view, before.step, last);
  const held = holding(view, steps, before, heldBack);
  const entry = held.history.at(-1);
  const dueAt = dueTime(steps, before.step, entry);
  const gates =
    before.step > 0 && before.step < last ? view.judge(judgedStep(steps, before.step, entry, dueAt)) : [];
  const wasPassed = entry?.endedAt !== undefined;
  const isPassed = wasPassed || mayEnd({ view, steps, ...before, dueAt, gates });
  const passedGates =
    isPassed && !wasPassed && gates.length > 0 ? storedGates(gates) : view.status.passedGates;
  const history = isPassed ? withEnd(held.history, now) : held.history;

  const isCut = heldBack && view.isReplaced && gates.every((gate) => letsHoldbackEnd(gate, now));
  const skips = view.spec.decision === "Promote" || isLost(view, stableLostAt) || isCut;
  const next = skips
    ? last
    : before.step === 0 || (isPassed && before.step < last)
      ? before.step + 1
      : before.step;
  const isPaused = view.spec.paused === true && view.spec.decision !== "Promote" && !isCut;
  const isHeld = isPaused || (view.isUndone && !isLost(view, stableLostAt));
  const isRecreate = view.spec.strategy.type === "Recreate";
  const takesStableAway = isRecreate && (before.step > 0 || !isHeld);
  const roomIsThere = !isRecreate || (view.stableHasLeft && takesStableAway) || before.step > 0;
  // What is missed of one of them at the beginning would be held against the other.
  const isComparable = view.isComparable || before.step > 0 || skips || last === 1;
  // Nothing is gained by waiting for the last replica of what has nearly all the traffic already.
  const isCarried = heldBack ? view.anyIsReady : view.carries(roomOfStep(steps, next));
  const grows = next > before.step && !isHeld && roomIsThere && isComparable && isCarried;
  const step = grows ? next : before.step;
  const weight = grows ? weightOfStep(steps, next) : held.weight;
  const mirror = grows ? mirrorOfStep(steps, next) : held.mirror;
  const isHolding = heldBack || (grows && steps[step - 1]?.isHoldback === true);
  const holdback = isHolding ? holdingState(steps, weight) : undefined;
  const finalHistory: RolloutHistoryEntry[] = grows
    ? [...history, entryOf(step, weight, mirror, now)]
    : history;

  const inEffectAt = grows ? undefined : finalHistory.at(-1)?.inEffectAt;
  const lossDueAt =
    stableLostAt === undefined ? undefined : Date.parse(stableLostAt) + STABLE_LOSS_MILLISECONDS;
  const isDueLater = !grows && dueAt !== undefined && dueAt > now;
  const wakeAt = earliestAfter(now, [
    isDueLater ? dueAt : undefined,
    skips ? undefined : lossDueAt,
    ...gates.map(({ wakeAtMilliseconds }) => wakeAtMilliseconds),
  ]);
  const status: ModelRolloutStatus = {
    ...(isDueLater ? { nextCheckAt: rolloutTime(dueAt) } : {}),
    step,
    steps: last,
    weight: formatPercentage(weight),
    ...(weight > 0 && inEffectAt !== undefined ? { weightInEffectAt: inEffectAt } : {}),
    startedAt: view.status.startedAt ?? rolloutTime(now),
    ...(stableLostAt === undefined ? {} : { stableLostAt }),
    ...(finalHistory.length === 0 ? {} : { history: finalHistory }),
    ...(view.shares.length === 0 ? {} : { shares: [...view.shares] }),
    ...(view.mirrored === undefined ? {} : { mirrored: view.mirrored }),
    ...(gates.length === 0 || grows ? {} : { gates: storedGates(gates) }),
    ...(passedGates === undefined ? {} : { passedGates }),
  };
  const { phase, message } = wording({
    view,
    steps,
    step,
    next,
    weight,
    mirror,
    dueAt,
    isPassed,
    isHeld,
    grows,
    gates,
    inEffectAt,
    skips,
    isComparable,
  });
  return {
    status: describeRollout(view, status, phase, message),
    weight,
    mirror,
    capacityWeight: roomIsThere || !isRecreate ? roomOfStep(steps, Math.max(1, next)) : 0,
    takesStableAway,
    ...(holdback === undefined ? {} : { holdback }),
    ...(wakeAt === undefined ? {} : { wakeAtMilliseconds: wakeAt }),
  };
}

function entryOf(step: number, weight: number, mirror: number, now: number): RolloutHistoryEntry {
  const entry = { step, weight: formatPercentage(weight), startedAt: rolloutTime(now) };
  return mirror === 0 ? entry : { ...entry, mirrored: formatPercentage(mirror) };
}

interface Position {
  readonly step: number;
  readonly history: RolloutHistoryEntry[];
}

/** Where it stands; one that is looked at for the first time stands before its first step, or has all the traffic. */
function begun(
  { status, reportedWeight, nowMilliseconds, isHeldBack }: RolloutView,
  steps: readonly RolloutStep[],
): Position {
  if (status.step !== undefined) return { step: status.step, history: status.history ?? [] };
  if (reportedWeight < FULL_WEIGHT && !(isHeldBack && reportedWeight > 0)) return { step: 0, history: [] };
  // It was deleted, or there were no releases when it began: what it has, it has by right.
  const step = (reportedWeight < FULL_WEIGHT ? holdbackStep(steps) : undefined) ?? steps.length;
  const startedAt = rolloutTime(nowMilliseconds);
  const weight = formatPercentage(weightOfStep(steps, step));
  return { step, history: [{ step, weight, startedAt }] };
}

/** What the present step gives, or nothing of it when it cannot be carried; and since when it is in effect. */
function holding(
  view: RolloutView,
  steps: readonly RolloutStep[],
  { step, history }: Position,
  heldBack: boolean,
): { readonly weight: number; readonly mirror: number; readonly history: RolloutHistoryEntry[] } {
  const wanted = loadOfStep(steps, step);
  const entry = history.at(-1);
  if (wanted === 0 || entry === undefined) return { weight: 0, mirror: 0, history };
  const { nowMilliseconds: now } = view;
  const [weight, mirror] = [weightOfStep(steps, step), mirrorOfStep(steps, step)];
  const reported = mirror > 0 ? view.reportedMirror : view.reportedWeight;
  const isCarried = reported >= wanted ? view.anyIsReady : view.carries(roomOfStep(steps, step));
  // Stable could not carry what it would get.
  const kept = heldBack && view.anyIsReady ? Math.min(reported, weight) : 0;
  const { inEffectAt, ...rest } = entry;
  const since = sinceInEffect();
  return {
    weight: isCarried ? weight : kept,
    mirror: isCarried ? mirror : 0,
    history: [...history.slice(0, -1), since === undefined ? rest : { ...rest, inEffectAt: since }],
  };

  function sinceInEffect(): string | undefined {
    if (!isCarried || reported !== wanted) return undefined;
    // Whatever else changes in the plan: as long as each plan gives this share, every router does.
    // A clock that was set back must not make the step longer by as much.
    if (inEffectAt !== undefined && Date.parse(inEffectAt) <= now) return inEffectAt;
    return inEffectAt !== undefined || view.planIsInEffect ? rolloutTime(now) : undefined;
  }
}

function mayEnd({
  view,
  steps,
  step,
  dueAt,
  gates,
}: {
  readonly view: RolloutView;
  readonly steps: readonly RolloutStep[];
  readonly step: number;
  readonly dueAt: number | undefined;
  readonly gates: readonly NamedFinding[];
}): boolean {
  if (dueAt === undefined || dueAt > view.nowMilliseconds || view.spec.paused === true) return false;
  if (steps[step - 1]?.isHoldback === true)
    return gates.every((gate) => letsHoldbackEnd(gate, view.nowMilliseconds));
  const isApproved = steps[step - 1]?.isPausing !== true || (view.spec.approvedStep ?? 0) >= step;
  return isApproved && gates.every((gate) => letsEnd(gate, view.nowMilliseconds));
}

function withEnd(history: RolloutHistoryEntry[], now: number): RolloutHistoryEntry[] {
  const entry = history.at(-1);
  if (entry === undefined || entry.endedAt !== undefined) return history;
  return [...history.slice(0, -1), { ...entry, endedAt: rolloutTime(now) }];
}

/** Since when stable has had no ready replica, where steps could be skipped for that. */
function lossOfStable(view: RolloutView, step: number, last: number): string | undefined {
  if (last === 1) return undefined;
  // Once the steps are skipped, it stays said why.
  if (step === last) return view.status.stableLostAt;
  if (!view.stableIsLost) return undefined;
  const { stableLostAt } = view.status;
  const isPast = stableLostAt !== undefined && Date.parse(stableLostAt) <= view.nowMilliseconds;
  return isPast ? stableLostAt : rolloutTime(view.nowMilliseconds);
}

function isLost({ spec, nowMilliseconds }: RolloutView, stableLostAt: string | undefined): boolean {
  if (stableLostAt === undefined || spec.paused === true) return false;
  return nowMilliseconds - Date.parse(stableLostAt) >= STABLE_LOSS_MILLISECONDS;
}
