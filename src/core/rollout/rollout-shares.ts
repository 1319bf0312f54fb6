/**
 * By which plans of the traffic a candidate had a share. Answers are counted by the epoch of the plan, so this is what
 * tells the evidence of a release from that of others.
 *
 * The operator makes one plan at a time and looks at each before it makes the next, so none is missed. A plan without the
 * candidate, or with another share, is between two entries or ends one.
 */
import { MAXIMUM_SHARES, type MirroredShare, type RolloutShare } from "../../api/model-rollout-status.ts";
import { formatPercentage, parsePercentage } from "../../api/percentage.ts";
import { FULL_WEIGHT, type TrafficPlan } from "../../api/traffic-plan.ts";

/**
 * The shares with the one of the plan that is stored.
 *
 * @param weight that the plan gives the candidate, in parts of 10,000.
 */
export function withShare(
  shares: readonly RolloutShare[],
  plan: Pick<TrafficPlan, "epoch" | "stickiness"> | undefined,
  weight: number,
): readonly RolloutShare[] {
  // All the traffic leaves nothing to compare with.
  if (plan === undefined || weight === 0 || weight === FULL_WEIGHT) return shares;
  const { epoch } = plan;
  const last = shares.at(-1);
  if (last !== undefined && epoch <= last.lastEpoch) return shares;
  const share = { weight: formatPercentage(weight), drawnBy: drawnBy(plan) };
  const goesOn =
    last?.lastEpoch === epoch - 1 && last.weight === share.weight && last.drawnBy === share.drawnBy;
  if (last !== undefined && goesOn) return [...shares.slice(0, -1), { ...last, lastEpoch: epoch }];
  return [...shares, { ...share, firstEpoch: epoch, lastEpoch: epoch }].slice(-MAXIMUM_SHARES);
}

/**
 * The plans that mirror requests to a candidate, with the one that is stored.
 *
 * @param share that the stored plan mirrors to it, in parts of 10,000.
 */
export function withMirror(
  before: MirroredShare | undefined,
  plan: Pick<TrafficPlan, "epoch"> | undefined,
  share: number,
): MirroredShare | undefined {
  if (plan === undefined || share === 0) return before;
  const { epoch } = plan;
  if (before !== undefined && epoch <= before.lastEpoch) return before;
  const goesOn = before?.lastEpoch === epoch - 1 && parsePercentage(before.share) === share;
  if (before !== undefined && goesOn) return { ...before, lastEpoch: epoch };
  return { share: formatPercentage(share), firstEpoch: epoch, lastEpoch: epoch };
}

/**
 * The plans that give a candidate its present share; undefined before there is one.
 *
 * @param weight of the present step, in parts of 10,000.
 */
export function presentEpochs(
  shares: readonly RolloutShare[],
  weight: number,
): { readonly first: number; readonly last: number } | undefined {
  const last = shares.at(-1);
  if (last === undefined || parsePercentage(last.weight) !== weight) return undefined;
  return { first: last.firstEpoch, last: last.lastEpoch };
}

function drawnBy({ stickiness }: Pick<TrafficPlan, "stickiness">): RolloutShare["drawnBy"] {
  return stickiness === undefined ? "Request" : "User";
}
