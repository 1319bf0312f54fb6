/**
 * A traffic plan gives all of the traffic to somebody, or none of it to anybody.
 */
import { asList, asNumber, valueAt } from "../../../src/api/json.ts";
import { FULL_WEIGHT } from "../../../src/api/traffic-plan.ts";
import type { Invariant } from "./invariant.ts";

/** The weights of every stored plan are the whole, or it has no arm; and every arm leads somewhere. */
export const trafficWeights: Invariant = {
  name: "weights of a plan add up to the whole, or it has no arm",
  brokenBy({ after }) {
    if (after?.kind !== "ModelDeployment") return undefined;
    const arms = asList(valueAt(after, "status", "traffic", "arms"));
    if (arms.length === 0) return undefined;
    const sum = arms.reduce<number>(
      (total, arm) => total + (asNumber(valueAt(arm, "weight")) ?? Number.NaN),
      0,
    );
    if (sum !== FULL_WEIGHT) return `${after.metadata.name}: the weights add up to ${sum}`;
    const isDeadEnd = arms.some((arm) => asList(valueAt(arm, "pools")).length === 0);
    return isDeadEnd ? `${after.metadata.name}: an arm has no pool` : undefined;
  },
};
