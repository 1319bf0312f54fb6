/**
 * Somebody who suspends a ModelDeployment wants it to be left alone.
 */
import { isProber } from "../cluster/probers.ts";
import { isOperator } from "../facts.ts";
import type { Invariant } from "./invariant.ts";

/**
 * A process that has reported a ModelDeployment as suspended writes none of its children while the spec says so. One
 * that has not heard of it yet cannot know. The prober of a drill goes, because a suspension ends drills.
 */
export const suspended: Invariant = {
  name: "nothing is written for what is suspended",
  brokenBy({ actor, before, after }, facts) {
    const object = after ?? before;
    if (object === undefined || !isOperator(actor)) return undefined;
    if (after === undefined && isProber(object)) return undefined;
    const owner = facts.ownerOf(object);
    if (owner === undefined || !facts.hasSuspended(actor, owner)) return undefined;
    return `${actor} ${after === undefined ? "removes" : "writes"} ${object.kind} ${object.metadata.name}`;
  },
};
