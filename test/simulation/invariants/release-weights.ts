/**
 * A candidate never has more of the traffic than its release says, which is stored before the traffic follows.
 */
import { asString, valueAt } from "../../../src/api/json.ts";
import { isOperator } from "../facts.ts";
import { storedPlan } from "../plan-history.ts";
import type { Invariant } from "./invariant.ts";
import { partsOf } from "./stored-release.ts";

/**
 * Each stored plan gives the candidate at most the weight that its stored release had when the process last reported
 * on it or confirmed it, and nothing anew of a release that a person has given up.
 */
export const releaseWeights: Invariant = {
  name: "never more than the weight of its step on a candidate, and that stored first",
  brokenBy({ actor, call, before, after }, facts) {
    if (after?.kind !== "ModelDeployment" || call?.subresource !== "status" || !isOperator(actor))
      return undefined;
    const arm = storedPlan(after)?.arms.find(({ name }) => name === "Candidate");
    if (arm === undefined || arm.weight === 0) return undefined;
    const former = before === undefined ? undefined : storedPlan(before);
    const formerWeight = former?.arms.find(
      ({ name, pools }) => name === "Candidate" && pools[0]?.revision === arm.pools[0]?.revision,
    )?.weight;
    if (formerWeight !== undefined && formerWeight === arm.weight) return undefined;
    const name = asString(valueAt(after, "status", "rollout", "name"));
    const about = `${after.metadata.name}: ${arm.pools[0]?.revision} gets ${arm.weight}`;
    if (name === undefined) return `${about}, and no release is named`;
    const release = facts.releaseSeenBy(actor, after.metadata.namespace ?? "", name);
    if (release === undefined) return `${about}, and ${name} was never reported on by ${actor}`;
    const fallsBack =
      valueAt(release, "status", "returning") !== undefined && arm.weight < (formerWeight ?? 0);
    if (valueAt(release, "spec", "decision") === "Abort" && !fallsBack)
      return `${about}, and a person gave ${name} up`;
    const allowed = partsOf(valueAt(release, "status", "weight"));
    return arm.weight <= allowed ? undefined : `${about}, and ${name} says ${allowed}`;
  },
};
