/**
 * The epoch orders plans for everybody who carries them out: it may only grow.
 */
import { storedPlan } from "../plan-history.ts";
import type { Invariant } from "./invariant.ts";

/** The epoch of a ModelDeployment's plan never falls, and a plan once stored never vanishes. */
export const epochs: Invariant = {
  name: "the epoch never falls",
  brokenBy({ before, after }) {
    if (before?.kind !== "ModelDeployment" || after === undefined) return undefined;
    const former = storedPlan(before)?.epoch;
    if (former === undefined) return undefined;
    const epoch = storedPlan(after)?.epoch;
    if (epoch !== undefined && epoch >= former) return undefined;
    return `${after.metadata.name}: from ${former} to ${epoch ?? "none"}`;
  },
};
