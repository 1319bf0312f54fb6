/**
 * Traffic never exceeds ready capacity: a candidate takes it with all of its replicas, and can fall back.
 */
import { asString, valueAt } from "../../../src/api/json.ts";
import { MAX_POOLS_PER_ARM } from "../../../src/api/traffic-plan.ts";
import { storedPlan } from "../plan-history.ts";
import type { Invariant } from "./invariant.ts";
import { storedRelease } from "./stored-release.ts";

/**
 * A candidate that enters the traffic has had as many ready replicas as the plan counts on in each of its pools,
 * and as long as it has the traffic, stable's pools stand behind its own.
 */
export const candidateEntry: Invariant = {
  name: "a candidate gets traffic with all its replicas, and with stable behind it",
  brokenBy({ before, after }, facts) {
    const plan = after?.kind === "ModelDeployment" ? storedPlan(after) : undefined;
    const arm = plan?.arms.find(({ name, weight }) => name === "Candidate" && weight > 0);
    if (after === undefined || plan === undefined || arm === undefined) return undefined;
    const about = `${after.metadata.name}@${plan.epoch}`;
    const revision = arm.pools[0]?.revision;
    const stable = asString(valueAt(after, "status", "revisions", "stable"));
    const fallsBack = arm.pools.some((pool) => pool.revision === stable);
    const isAlone = valueAt(storedRelease(after, facts.world), "spec", "strategy", "type") === "Recreate";
    if (!fallsBack && !isAlone && arm.pools.length < MAX_POOLS_PER_ARM)
      return `${about}: nothing stands behind ${revision}`;
    const former = before === undefined ? undefined : storedPlan(before);
    if (former?.arms.some(({ pools }) => pools[0]?.revision === revision) === true) return undefined;
    const short = arm.pools.find(
      (pool) =>
        pool.revision === revision && facts.everReady(after, pool.revision, pool.pool) < pool.replicas,
    );
    return short === undefined
      ? undefined
      : `${about}: ${revision} enters with less than ${short.replicas} replicas in ${short.pool}`;
  },
};
