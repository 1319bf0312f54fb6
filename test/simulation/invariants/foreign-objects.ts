/**
 * Objects of other people in the same namespaces stay as they are.
 */
import { isOperator } from "../facts.ts";
import type { Invariant } from "./invariant.ts";

/** Nothing that belongs to somebody else is changed or removed, whatever its name and labels are. */
export const foreignObjects: Invariant = {
  name: "nothing foreign is changed",
  brokenBy({ actor, before, after }, facts) {
    if (before === undefined || !isOperator(actor) || !facts.isForeign(before)) return undefined;
    return `${actor} ${after === undefined ? "removes" : "changes"} ${before.kind} ${before.metadata.name}`;
  },
};
