/**
 * A model that cannot be served gets no traffic, however ready its pods may look for a moment.
 */
import { asString, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import type { PlannedPool } from "../../../src/api/traffic-plan.ts";
import type { Facts } from "../facts.ts";
import { storedPlan } from "../plan-history.ts";
import type { Invariant } from "./invariant.ts";

/**
 * A broken model gets no traffic of its own: a candidate that enters the traffic has no broken pool at all, and no
 * arm ever consists of broken pools alone. A pool that is added to what serves already may turn out to be broken.
 */
export const brokenModels: Invariant = {
  name: "a broken model never gets traffic",
  brokenBy({ before, after }, facts) {
    const plan = after?.kind === "ModelDeployment" ? storedPlan(after) : undefined;
    if (after === undefined || plan === undefined) return undefined;
    const former = before === undefined ? undefined : storedPlan(before);
    for (const arm of plan.arms) {
      const revision = arm.pools[0]?.revision;
      const own = arm.pools.filter((pool) => pool.revision === revision);
      const broken = own.filter((pool) => isBroken(after, pool, facts));
      const served = former?.arms.some(({ pools }) => pools[0]?.revision === revision) === true;
      const isEntry = arm.name === "Candidate" && !served;
      if (isEntry ? broken.length > 0 : broken.length === own.length) {
        return `${after.metadata.name}@${plan.epoch}: ${arm.name} is ${revision}`;
      }
    }
    return undefined;
  },
};

/** Read from the ControllerRevision; one that was deleted meanwhile says nothing. */
function isBroken({ metadata }: KubeObject, { revision, pool }: PlannedPool, { world }: Facts): boolean {
  const kept = world.find("ControllerRevision", metadata.namespace ?? "", revision);
  const uri =
    asString(valueAt(kept, "data", "poolModels", pool, "uri")) ??
    asString(valueAt(kept, "data", "model", "uri"));
  return uri?.includes("broken") === true;
}
