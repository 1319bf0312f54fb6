/**
 * Which revision people mean by what serves: the stable one, and in a holdback the candidate, for which the stable one is
 * no more than a control. Pure.
 */
import type { ModelDeploymentStatus } from "../../api/model-deployment-status.ts";
import type { ObservedRevision } from "../observation.ts";
import type { RevisionPlan } from "../revision/plan-revisions.ts";
import type { RolloutPlan } from "./plan-rollout.ts";

/** By what is decided. While the traffic goes back from a holdback it is the stable one again. */
export function leadingRevision(
  { stable, candidate }: Pick<RevisionPlan, "stable" | "candidate">,
  { holdback }: Pick<RolloutPlan, "holdback">,
): ObservedRevision {
  return candidate !== undefined && holdback?.phase === "Holding" ? candidate : stable;
}

/** Name of the one that has most of the traffic by what is stored; undefined before anything serves. */
export function servingRevision({
  revisions: { stable, candidate } = {},
  rollout,
  traffic,
}: Pick<ModelDeploymentStatus, "revisions" | "rollout" | "traffic">): string | undefined {
  const isInHoldback = candidate !== undefined && rollout?.heldBack !== undefined;
  // Without a ready replica it has lost all of it.
  const hasTraffic = (traffic?.arms ?? []).some(
    ({ weight, pools }) => weight > 0 && pools[0]?.revision === candidate,
  );
  return isInHoldback && hasTraffic ? candidate : stable;
}
