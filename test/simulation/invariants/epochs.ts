/**
 * The epoch orders plans for everybody who carries them out: it may only grow, and it stands for one plan.
 */
import { jsonEquals } from "../../../src/api/json-equals.ts";
import { storedPlan } from "../plan-history.ts";
import type { Invariant } from "./invariant.ts";

/** The epoch of a ModelDeployment's plan never falls, a plan once stored never vanishes, and another plan has another epoch. */
export const epochs: Invariant = {
  name: "the epoch never falls, and names one plan",
  brokenBy({ before, after }) {
    if (before?.kind !== "ModelDeployment" || after === undefined) return undefined;
    const former = storedPlan(before);
    if (former === undefined) return undefined;
    const plan = storedPlan(after);
    if (plan === undefined || plan.epoch < former.epoch) {
      return `${after.metadata.name}: from ${former.epoch} to ${plan?.epoch ?? "none"}`;
    }
    if (plan.epoch > former.epoch || jsonEquals(plan, former)) return undefined;
    return `${after.metadata.name}: two plans are called ${plan.epoch}`;
  },
};
