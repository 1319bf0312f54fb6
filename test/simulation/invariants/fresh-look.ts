/**
 * What the operator knows may be old. Capacity that is taken away cannot be given back in time, so before each such
 * write it asks whether the ModelDeployment is still the one that it decided from.
 */
import { asNumber, valueAt } from "../../../src/api/json.ts";
import { isOperator } from "../facts.ts";
import type { Invariant } from "./invariant.ts";

/** Each removal of model servers, and each scaling down, follows a look of its own at what is stored. */
export const freshLook: Invariant = {
  name: "capacity is taken away only right after a look at what is stored",
  brokenBy(write, facts) {
    const { actor, before, after } = write;
    if (before?.kind !== "Deployment" || !isOperator(actor) || facts.ownerOf(before) === undefined)
      return undefined;
    const replicas = (object: typeof after) => asNumber(valueAt(object, "spec", "replicas")) ?? 0;
    if (replicas(after) >= replicas(before) && after !== undefined) return undefined;
    const what = after === undefined ? "removes" : `scales to ${replicas(after)}`;
    return facts.whenSent(write).hasLooked ? undefined : `${actor} ${what} ${before.metadata.name}`;
  },
};
