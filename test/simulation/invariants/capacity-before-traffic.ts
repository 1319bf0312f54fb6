/**
 * Capacity never leaves before the traffic has left it: checked at the moment in which the operator takes it away.
 */
import { asNumber, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { LABEL } from "../../../src/api/names.ts";
import type { TrafficPlan } from "../../../src/api/traffic-plan.ts";
import { isOperator, type Needs } from "../facts.ts";
import type { Write } from "../world.ts";
import type { Invariant } from "./invariant.ts";

/**
 * Capacity never leaves before the traffic has left it: the operator removes no model servers that a plan in effect
 * at any live router names, and scales none below what every such plan needs. A size that the spec asks for, if it is
 * not none at all, is enough: a person who wants a smaller pool is served at once, in each revision that has a role,
 * and the replicas that a plan counts on follow that. For stable the next plan says so; for a candidate that has just
 * lost the traffic no later plan does, and what the person wants is the same.
 *
 * A call that was right when it was sent and wrong when it arrived is nobody's fault: it counts only when it was
 * wrong at both times.
 */
export const capacityBeforeTraffic: Invariant = {
  name: "no model servers go before the traffic has left them",
  brokenBy(write, facts) {
    const { actor, before, after } = write;
    if (before?.kind !== "Deployment" || !isOperator(actor)) return undefined;
    const owner = facts.ownerOf(before);
    if (owner === undefined || owner.metadata.deletionTimestamp !== undefined) return undefined;
    const now = tooFewFor(write, facts.needsOf(before));
    const whenSent = tooFewFor(write, facts.whenSent(write));
    if (now === undefined || whenSent === undefined) return undefined;
    const what = after === undefined ? "removes" : `scales to ${replicasOf(after)}`;
    return `${actor} ${what} ${before.metadata.name}, which epoch ${now.epoch} sends traffic to`;
  },
};

/** A plan that a write leaves too few replicas for; undefined when one of those that name them is content. */
function tooFewFor({ before, after }: Write, { plans, size }: Needs): TrafficPlan | undefined {
  if (before === undefined) return undefined;
  const replicas = after === undefined ? 0 : replicasOf(after);
  if (after !== undefined && replicas >= replicasOf(before)) return undefined;
  if (replicas > 0 && replicas === size) return undefined;
  const naming = plans.filter((plan) => neededBy(plan, before) !== undefined);
  const isEnough = naming.some((plan) => (neededBy(plan, before) ?? 0) <= replicas);
  return isEnough ? undefined : naming[0];
}

function neededBy(plan: TrafficPlan, { metadata }: KubeObject): number | undefined {
  const { [LABEL.modelRevision]: revision, [LABEL.pool]: pool } = metadata.labels ?? {};
  return plan.arms
    .filter((arm) => arm.weight > 0)
    .flatMap((arm) => arm.pools)
    .find((planned) => planned.revision === revision && planned.pool === pool)?.replicas;
}

function replicasOf(deployment: KubeObject): number {
  return asNumber(valueAt(deployment, "spec", "replicas")) ?? 1;
}
