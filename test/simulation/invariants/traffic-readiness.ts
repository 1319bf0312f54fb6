/**
 * Traffic goes to what has shown that it can answer.
 */
import type { KubeObject } from "../../../src/api/kube-object.ts";
import type { TrafficArm } from "../../../src/api/traffic-plan.ts";
import type { Facts } from "../facts.ts";
import { storedPlan } from "../plan-history.ts";
import type { Invariant } from "./invariant.ts";

/** No plan sends traffic to a revision before one of its replicas was ready. */
export const trafficReadiness: Invariant = {
  name: "no revision gets traffic before a replica of it was ready",
  brokenBy({ after }, facts) {
    const plan = after?.kind === "ModelDeployment" ? storedPlan(after) : undefined;
    if (after === undefined || plan === undefined) return undefined;
    const arm = plan.arms.find((candidate) => candidate.weight > 0 && !hasBeenReady(after, candidate, facts));
    return arm === undefined
      ? undefined
      : `${after.metadata.name}@${plan.epoch}: ${arm.pools[0]?.revision} gets ${arm.weight} as ${arm.name}`;
  },
};

/** The revision that an arm is for stands in its first pool; what follows are its fallbacks. */
function hasBeenReady(deployment: KubeObject, arm: TrafficArm, facts: Facts): boolean {
  const revision = arm.pools[0]?.revision;
  return arm.pools.some(
    (pool) => pool.revision === revision && facts.everReady(deployment, pool.revision, pool.pool) > 0,
  );
}
