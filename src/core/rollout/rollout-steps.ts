/**
 * The steps of a strategy as the planner counts them: from 1, and after those that people wrote one more, which is all
 * the traffic.
 */
import { parseDurationMilliseconds } from "../../api/duration.ts";
import type { RolloutHistoryEntry } from "../../api/model-rollout.ts";
import { parsePercentage } from "../../api/percentage.ts";
import type { RolloutStrategy } from "../../api/rollout.ts";
import { FULL_WEIGHT } from "../../api/traffic-plan.ts";

/** One step. */
export interface RolloutStep {
  /** In parts of {@link FULL_WEIGHT}. */
  readonly weight: number;
  readonly minDurationMilliseconds: number;
  /** It goes on until a person approves it. */
  readonly isPausing: boolean;
}

const ALL: RolloutStep = { weight: FULL_WEIGHT, minDurationMilliseconds: 0, isPausing: false };

/** The steps; there is always one, and the last one is all the traffic. Throws on what the schema does not let in. */
export function stepsOf({ type, canary }: RolloutStrategy): readonly [RolloutStep, ...RolloutStep[]] {
  const steps = type === "Canary" ? (canary?.steps ?? []) : [];
  const [first = ALL, ...rest] = steps.map(({ weight, minDuration, pause }) => ({
    weight: parsePercentage(weight),
    minDurationMilliseconds: minDuration === undefined ? 0 : parseDurationMilliseconds(minDuration),
    isPausing: pause === true,
  }));
  return first === ALL ? [ALL] : [first, ...rest, ALL];
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
