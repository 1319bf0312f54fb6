/**
 * Traffic never exceeds ready capacity: a candidate takes it with all of its replicas, and can fall back; so does the arm of an
 * experiment.
 */
import { asString, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { MAX_POOLS_PER_ARM, type TrafficArm, type TrafficPlan } from "../../../src/api/traffic-plan.ts";
import type { Facts } from "../facts.ts";
import { storedPlan } from "../plan-history.ts";
import type { Invariant } from "./invariant.ts";
import { storedRelease } from "./stored-release.ts";

/**
 * A candidate, or an arm, that enters the traffic has had as many ready replicas as the plan counts on in each of its pools,
 * and as long as it has the traffic, stable's pools stand behind its own.
 */
export const candidateEntry: Invariant = {
  name: "a candidate gets traffic with all its replicas, and with stable behind it",
  brokenBy({ before, after }, facts) {
    const plan = after?.kind === "ModelDeployment" ? storedPlan(after) : undefined;
    if (after === undefined || plan === undefined) return undefined;
    const former = before === undefined ? undefined : storedPlan(before);
    return plan.arms
      .filter(({ name, weight }) => /^(Candidate|Arm.)$/.test(name) && weight > 0)
      .flatMap((arm) => problemOf(arm, plan, former, after, facts) ?? [])[0];
  },
};

function problemOf(
  arm: TrafficArm,
  plan: TrafficPlan,
  former: TrafficPlan | undefined,
  deployment: KubeObject,
  facts: Facts,
): string | undefined {
  const about = `${deployment.metadata.name}@${plan.epoch}`;
  const revision = arm.pools[0]?.revision;
  const stable = asString(valueAt(deployment, "status", "revisions", "stable"));
  const fallsBack = arm.pools.some((pool) => pool.revision === stable);
  const isAlone = valueAt(storedRelease(deployment, facts.world), "spec", "strategy", "type") === "Recreate";
  if (!fallsBack && !isAlone && arm.pools.length < MAX_POOLS_PER_ARM)
    return `${about}: nothing stands behind ${revision}`;
  if (former?.arms.some(({ pools }) => pools[0]?.revision === revision) === true) return undefined;
  const short = arm.pools.find(
    (pool) =>
      pool.revision === revision && facts.everReady(deployment, pool.revision, pool.pool) < pool.replicas,
  );
  return short === undefined
    ? undefined
    : `${about}: ${revision} enters with less than ${short.replicas} replicas in ${short.pool}`;
}
