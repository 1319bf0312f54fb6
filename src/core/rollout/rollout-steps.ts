/**
 * The steps of a release as the planner counts them: from 1, and after those that people wrote the holdback, where there
 * is one, and one more, which is all the traffic.
 */
import { parseDurationMilliseconds } from "../../api/duration.ts";
import type { ModelRolloutSpec, RolloutHistoryEntry } from "../../api/model-rollout.ts";
import { parsePercentage } from "../../api/percentage.ts";
import { FULL_WEIGHT } from "../../api/traffic-plan.ts";

/** One step. */
export interface RolloutStep {
  /** In parts of {@link FULL_WEIGHT}. */
  readonly weight: number;
  readonly minDurationMilliseconds: number;
  /** It goes on until a person approves it. */
  readonly isPausing: boolean;
  /** The old revision is a control, and has the replicas for its own share alone. */
  readonly isHoldback: boolean;
}

const ALL: RolloutStep = {
  weight: FULL_WEIGHT,
  minDurationMilliseconds: 0,
  isPausing: false,
  isHoldback: false,
};

/** The steps; there is always one, and the last one is all the traffic. Throws on what the schema does not let in. */
export function stepsOf({
  strategy: { type, canary },
  holdback,
}: Pick<ModelRolloutSpec, "strategy" | "holdback">): readonly [RolloutStep, ...RolloutStep[]] {
  const steps = type === "Canary" ? (canary?.steps ?? []) : [];
  const [first, ...rest] = steps.map(({ weight, minDuration, pause }) => ({
    weight: parsePercentage(weight),
    minDurationMilliseconds: minDuration === undefined ? 0 : parseDurationMilliseconds(minDuration),
    isPausing: pause === true,
    isHoldback: false,
  }));
  if (first === undefined) return [ALL];
  if (holdback === undefined) return [first, ...rest, ALL];
  const held: RolloutStep = {
    weight: FULL_WEIGHT - parsePercentage(holdback.weight),
    minDurationMilliseconds: parseDurationMilliseconds(holdback.for),
    isPausing: false,
    isHoldback: true,
  };
  return [first, ...rest, held, ALL];
}

/** Number of the holdback; undefined where there is none. */
export function holdbackStep(steps: readonly RolloutStep[]): number | undefined {
  const index = steps.findIndex(({ isHoldback }) => isHoldback);
  return index < 0 ? undefined : index + 1;
}

/**
 * Share of the traffic that the candidate's replicas have to carry in a step, by its number: its weight, and in the
 * holdback all of it, for what the old revision has there is no way back without waiting.
 */
export function roomOfStep(steps: readonly RolloutStep[], step: number): number {
  return steps[step - 1]?.isHoldback === true ? FULL_WEIGHT : weightOfStep(steps, step);
}

/** Weight of a step by its number; 0 before the first. */
export function weightOfStep(steps: readonly RolloutStep[], step: number): number {
  return steps[step - 1]?.weight ?? 0;
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
