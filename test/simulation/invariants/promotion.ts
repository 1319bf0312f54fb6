/**
 * A revision changes its role only after the traffic has gone the same way.
 */
import { asString, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { LABEL, MANAGED_BY } from "../../../src/api/names.ts";
import type { TrafficPlan } from "../../../src/api/traffic-plan.ts";
import { storedPlan } from "../plan-history.ts";
import type { Invariant } from "./invariant.ts";

/**
 * A candidate takes the place of a stable revision that serves only after every live router has carried out a plan
 * that gives the candidate traffic. Where nobody can know the stable one any more, because its ControllerRevision is gone
 * or no longer marked as Petrel's, there is nothing to wait for.
 */
export const promotion: Invariant = {
  name: "no promotion before the routers carry the candidate's plan out",
  brokenBy({ before, after }, facts) {
    if (before?.kind !== "ModelDeployment" || after === undefined) return undefined;
    const former = stableOf(before);
    const stable = stableOf(after);
    if (former === undefined || stable === undefined || former === stable) return undefined;
    const { namespace = "", name } = after.metadata;
    const kept = facts.world.find("ControllerRevision", namespace, former);
    if (kept?.metadata.labels?.[LABEL.managedBy] !== MANAGED_BY) return undefined;
    const plans = facts.plansInEffect(before);
    const stored = storedPlan(before);
    const formerServes = stored !== undefined && [stored, ...plans].every((plan) => names(plan, former));
    if (!formerServes) return undefined;
    if (!plans.some((plan) => names(plan, stable))) {
      return `${name}: ${stable} takes the place of ${former}, and no router knows it`;
    }
    const behind = plans.find((plan) => !names(plan, stable));
    return behind === undefined
      ? undefined
      : `${name}: ${stable} takes the place of ${former}, and a router is at epoch ${behind.epoch}`;
  },
};

function stableOf(deployment: KubeObject): string | undefined {
  return asString(valueAt(deployment, "status", "revisions", "stable"));
}

function names(plan: TrafficPlan, revision: string): boolean {
  return plan.arms.some((arm) => arm.pools.some((pool) => pool.revision === revision));
}
