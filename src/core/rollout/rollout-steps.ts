/**
 * The steps of a release as the planner counts them: from 1, and after those that people wrote the holdback, where there
 * is one, and one more, which is all the traffic.
 */
import { parseDurationMilliseconds } from "../../api/duration.ts";
import type { ModelRolloutSpec } from "../../api/model-rollout-spec.ts";
import type { RolloutHistoryEntry } from "../../api/model-rollout-status.ts";
import { parsePercentage } from "../../api/percentage.ts";
import type { RolloutStrategy } from "../../api/rollout.ts";
import { DEFAULT_MIRRORED_SHARE } from "../../api/shadow.ts";
import { FULL_WEIGHT } from "../../api/traffic-plan.ts";

/** One step. */
export interface RolloutStep {
  /** In parts of {@link FULL_WEIGHT}. */
  readonly weight: number;
  /** Share of the requests of which a copy goes to the candidate, likewise. Only in a step without weight. */
  readonly mirror: number;
  readonly minDurationMilliseconds: number;
  /** It goes on until a person approves it. */
  readonly isPausing: boolean;
  /** The old revision is a control, and has the replicas for its own share alone. */
  readonly isHoldback: boolean;
}

const ALL: RolloutStep = {
  weight: FULL_WEIGHT,
  mirror: 0,
  minDurationMilliseconds: 0,
  isPausing: false,
  isHoldback: false,
};

/**
 * The steps: that of the mirroring where there is one, those that people wrote, the holdback after them where there is one,
 * and all the traffic. There is always the last one. Throws on what the schema does not let in.
 */
export function stepsOf({
  strategy: { type, canary, shadow },
  holdback,
}: Pick<ModelRolloutSpec, "strategy" | "holdback">): readonly [RolloutStep, ...RolloutStep[]] {
  const written = type === "Canary" ? (canary?.steps ?? []) : [];
  const [first, ...rest] = [
    ...(type === "Canary" || type === "Shadow" ? mirroringStep(shadow) : []),
    ...written.map(({ weight, minDuration, pause }) => ({
      weight: parsePercentage(weight),
      mirror: 0,
      minDurationMilliseconds: minDuration === undefined ? 0 : parseDurationMilliseconds(minDuration),
      isPausing: pause === true,
      isHoldback: false,
    })),
    ...(written.length === 0 ? [] : heldStep(holdback)),
  ];
  return first === undefined ? [ALL] : [first, ...rest, ALL];
}

function heldStep(holdback: ModelRolloutSpec["holdback"]): readonly RolloutStep[] {
  if (holdback === undefined) return [];
  const weight = FULL_WEIGHT - parsePercentage(holdback.weight);
  const minDurationMilliseconds = parseDurationMilliseconds(holdback.for);
  return [{ weight, mirror: 0, minDurationMilliseconds, isPausing: false, isHoldback: true }];
}

/** Number of the holdback; undefined where there is none. */
export function holdbackStep(steps: readonly RolloutStep[]): number | undefined {
  const index = steps.findIndex(({ isHoldback }) => isHoldback);
  return index < 0 ? undefined : index + 1;
}

/**
 * Share of the traffic that the candidate's replicas have to carry in a step, by its number: what it gets, be it copies, and
 * in the holdback all of it, for what the old revision has there is no way back without waiting.
 */
export function roomOfStep(steps: readonly RolloutStep[], step: number): number {
  return steps[step - 1]?.isHoldback === true ? FULL_WEIGHT : loadOfStep(steps, step);
}

function mirroringStep(shadow: RolloutStrategy["shadow"]): readonly RolloutStep[] {
  if (shadow === undefined) return [];
  const { share = DEFAULT_MIRRORED_SHARE, minDuration } = shadow;
  const minDurationMilliseconds = parseDurationMilliseconds(minDuration);
  const mirror = parsePercentage(share);
  return [{ weight: 0, mirror, minDurationMilliseconds, isPausing: false, isHoldback: false }];
}

/** Weight of a step by its number; 0 before the first. */
export function weightOfStep(steps: readonly RolloutStep[], step: number): number {
  return steps[step - 1]?.weight ?? 0;
}

/** Share of the requests that are mirrored in a step by its number; 0 before the first. */
export function mirrorOfStep(steps: readonly RolloutStep[], step: number): number {
  return steps[step - 1]?.mirror ?? 0;
}

/** Share of the requests that the candidate gets in a step, be they copies. */
export function loadOfStep(steps: readonly RolloutStep[], step: number): number {
  return weightOfStep(steps, step) + mirrorOfStep(steps, step);
}

/** When a step has lasted its time, in milliseconds; undefined before its share is in effect, and once it was passed. */
export function dueTime(
  steps: readonly RolloutStep[],
  step: number,
  entry: RolloutHistoryEntry | undefined,
): number | undefined {
  if (entry?.inEffectAt === undefined || entry.endedAt !== undefined) return undefined;
  if (step >= steps.length) return undefined;
  return Date.parse(entry.inEffectAt) + (steps[step - 1]?.minDurationMilliseconds ?? 0);
}
