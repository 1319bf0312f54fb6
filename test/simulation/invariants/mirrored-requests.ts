/**
 * Copies of requests go to a candidate that nobody gets answers of, for as long as its release says so.
 */
import { asList, asString, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { isOperator } from "../facts.ts";
import { storedPlan } from "../plan-history.ts";
import type { Invariant, RestInvariant } from "./invariant.ts";
import { isUndoLost } from "./obstacle.ts";
import { partsOf, storedRelease, verdictOf } from "./stored-release.ts";

/** No plan gives any traffic to a revision that it mirrors requests to, and none mirrors beside a candidate with traffic. */
export const mirroredWithoutWeight: Invariant = {
  name: "a revision that gets copies has no traffic",
  brokenBy({ after }) {
    const plan = after?.kind === "ModelDeployment" ? storedPlan(after) : undefined;
    if (after === undefined || plan?.mirror === undefined) return undefined;
    const [revision] = plan.mirror.pools.map((pool) => pool.revision);
    const about = `${after.metadata.name}: copies go to ${revision}`;
    const [arm, ...others] = plan.arms;
    if (arm?.name !== "Stable" || others.length > 0) return `${about} beside ${plan.arms.length} arms`;
    const isServing = arm.pools.some((pool) => pool.revision === revision);
    return isServing ? `${about}, which has traffic as well` : undefined;
  },
};

/** Copies that are planned anew are those of a release that says so, as its process knows it, and that goes on. */
export const mirroredByRelease: Invariant = {
  name: "copies of no more requests than the release says, and that stored first",
  brokenBy({ actor, call, before, after }, facts) {
    if (after?.kind !== "ModelDeployment" || call?.subresource !== "status" || !isOperator(actor))
      return undefined;
    const mirror = storedPlan(after)?.mirror;
    const former = before === undefined ? undefined : storedPlan(before)?.mirror;
    const isAsBefore =
      former?.share === mirror?.share && former?.pools[0]?.revision === mirror?.pools[0]?.revision;
    if (mirror === undefined || isAsBefore) return undefined;
    const name = asString(valueAt(after, "status", "rollout", "name")) ?? "";
    const about = `${after.metadata.name}: ${mirror.pools[0]?.revision} gets copies of ${mirror.share}`;
    const release = facts.releaseSeenBy(actor, after.metadata.namespace ?? "", name);
    if (release === undefined) return `${about}, and ${name} was never reported on by ${actor}`;
    if (valueAt(release, "spec", "decision") === "Abort") return `${about}, and a person gave ${name} up`;
    const allowed = mirroredShare(release);
    return mirror.share <= allowed ? undefined : `${about}, and ${name} says ${allowed}`;
  },
};

/** At rest nothing is mirrored for a release that is over. */
export const mirroringEnds: RestInvariant = {
  name: "the mirroring ends with its release",
  problems(facts) {
    return facts.world.objects("ModelDeployment").flatMap((deployment) => {
      const mirror = storedPlan(deployment)?.mirror;
      const isSuspended = valueAt(deployment, "spec", "suspend") === true;
      if (mirror === undefined || isSuspended || isUndoLost(deployment, facts)) return [];
      const release = storedRelease(deployment, facts.world);
      const about = `${deployment.metadata.name}: ${mirror.pools[0]?.revision} gets copies`;
      if (release === undefined) return [`${about}, and there is no release`];
      const verdict = verdictOf(release);
      return verdict === undefined ? [] : [`${about}, and its release is ${verdict}`];
    });
  },
};

/** Share of the step in progress, in parts of 10,000. */
function mirroredShare(release: KubeObject): number {
  return partsOf(valueAt(asList(valueAt(release, "status", "history")).at(-1), "mirrored"));
}
