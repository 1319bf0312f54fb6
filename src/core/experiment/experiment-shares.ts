/**
 * By which plans of the traffic the arms of an experiment had their shares. Answers are counted by the epoch of the plan, so
 * this is what tells the evidence of an experiment from that of others. Pure.
 */
import { ARM_NUMBER, type ArmName, EXPERIMENT_ARMS } from "../../api/arm.ts";
import { contentHash } from "../../api/content-hash.ts";
import { type ExperimentShare, MAXIMUM_EXPERIMENT_SHARES } from "../../api/experiment-status.ts";
import { FULL_WEIGHT, type TrafficPlan } from "../../api/traffic-plan.ts";
import type { ExperimentArm } from "./experiment-arms.ts";

/** What a plan has to say to give the arms their shares. */
export interface WantedShares {
  readonly arms: readonly Pick<ExperimentArm, "arm" | "weight">[];
  /** In parts of 10,000; 0 for none. */
  readonly holdout: number;
}

/**
 * What the user is mixed with: of each experiment its own, so that it chooses other users than any release or experiment
 * before it. It follows from what no other object ever has.
 */
export function experimentSalt(uid: string): string {
  return `experiment-${contentHash([uid])}`;
}

/** Share of the control, in parts of 10,000. */
export function controlWeight({ arms, holdout }: WantedShares): number {
  return arms.reduce((rest, { weight }) => rest - weight, FULL_WEIGHT - holdout);
}

/** The weights of all arms, in the order in which routers have them: arms, control, holdout. */
export function plannedWeights(wanted: WantedShares): readonly (readonly [ArmName, number])[] {
  return [
    ...wanted.arms.map(({ arm, weight }): [ArmName, number] => [arm, weight]),
    ["Stable", controlWeight(wanted)],
    ...(wanted.holdout > 0 ? [["Holdout", wanted.holdout] as const] : []),
  ];
}

/** Whether a plan gives exactly these shares. */
export function givesShares(plan: TrafficPlan | undefined, wanted: WantedShares): boolean {
  if (plan === undefined) return false;
  const weights = plannedWeights(wanted);
  return (
    plan.arms.length === weights.length &&
    weights.every(([name, weight]) => plan.arms.some((arm) => arm.name === name && arm.weight === weight))
  );
}

/** The shares with those of the plan that is stored, where it gives them. */
export function withPlannedShare(
  shares: readonly ExperimentShare[],
  plan: TrafficPlan | undefined,
  wanted: WantedShares,
): readonly ExperimentShare[] {
  if (plan === undefined || !givesShares(plan, wanted)) return shares;
  const { epoch, stickiness } = plan;
  const last = shares.at(-1);
  if (last !== undefined && epoch <= last.lastEpoch) return shares;
  const drawnBy = stickiness === undefined ? "Request" : "User";
  if (last !== undefined && last.lastEpoch === epoch - 1 && last.drawnBy === drawnBy) {
    return [...shares.slice(0, -1), { ...last, lastEpoch: epoch }];
  }
  const share: ExperimentShare = { firstEpoch: epoch, lastEpoch: epoch, drawnBy };
  return [...shares, share].slice(-MAXIMUM_EXPERIMENT_SHARES);
}

/** Number of the control. */
export const CONTROL = ARM_NUMBER.Stable;

/** Arms that only a plan with an experiment has. */
export const EXPERIMENT_ARM_NAMES: ReadonlySet<string> = new Set<ArmName>([...EXPERIMENT_ARMS, "Holdout"]);
