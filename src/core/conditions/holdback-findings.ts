/**
 * What the conditions say of a holdback: that the new revision serves and is watched beside the old one, or that the
 * traffic goes back.
 *
 * It must never claim that the new revision was shown to be good: that it serves is all that is said.
 */
import { formatPercentage } from "../../api/percentage.ts";
import { FULL_WEIGHT } from "../../api/traffic-plan.ts";
import type { NextRevision } from "../rollout/next-revision.ts";
import type { Finding, Plans } from "./plan-conditions.ts";

/**
 * That a revision is promoted but for what stable keeps; undefined while it does not have its share.
 *
 * @param revision that leads, in its holdback.
 */
export function heldBackFinding(
  { rollout, revisions, traffic }: Plans,
  revision: string,
): Finding | undefined {
  const share = rollout.holdback?.kept;
  if (share === undefined) return undefined;
  const hasItsShare = traffic.arms.some(
    ({ weight, pools }) => weight >= FULL_WEIGHT - share && pools[0]?.revision === revision,
  );
  if (!hasItsShare) return undefined;
  const kept = formatPercentage(share);
  const message = `${revision} has all the traffic but ${kept}, which ${revisions.stable.name} keeps as a control`;
  return { type: "Promoted", status: "True", reason: "HoldingBack", message };
}

/**
 * That the traffic goes back.
 *
 * @param told what its release says.
 * @param shortage what stable still waits for.
 */
export function returningFinding(told: string, shortage: string | undefined): Finding {
  const message = shortage === undefined ? told : `${told}; ${shortage}`;
  return { type: "RolloutInProgress", status: "True", reason: "ReturningTraffic", message };
}

/**
 * What becomes of a third revision that the spec asks for; nothing where there is none, or it waits for the end.
 *
 * @param shortage what its replicas still wait for.
 * @param awaited that it waits for its validation.
 */
export function nextWords(
  next: NextRevision | undefined,
  shortage: string | undefined,
  awaited: Finding | undefined,
): string {
  if (awaited !== undefined) return `; ${awaited.message}`;
  if (next === undefined) return "";
  const what = `; ${next.revision.name} comes up, and ends the holdback once it can begin`;
  return shortage === undefined ? what : `${what}: ${shortage}`;
}
