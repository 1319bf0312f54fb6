/**
 * What whoever takes the replicas over begins with. Pure. It must never say fewer than stand because a manifest stops to state
 * how many there are.
 */
import type { AutoscalingStatus } from "../../api/autoscaling-status.ts";
import { reportedTime } from "../conditions/condition-words.ts";
import type { Observation } from "../observation.ts";

/** What was asked for before; where autoscaling begins, what stands, so that a manifest without replicas resets nothing. */
export function stoodBefore({ deployment, nowMilliseconds }: Observation): AutoscalingStatus {
  const { spec, status } = deployment;
  if (status.autoscaling !== undefined) return status.autoscaling;
  const pool = spec.pools[0]?.name;
  const standing = (status.pools ?? []).filter(({ name }) => name === pool).map(({ replicas }) => replicas);
  // A pool that is new takes over from the first of those that stand.
  const former = status.pools?.[0]?.replicas ?? spec.replicas;
  const replicas = standing.length === 0 ? former : Math.max(...standing);
  const since = reportedTime(nowMilliseconds);
  return { replicas, since, because: "Start", inPlaceOf: spec.replicas };
}
