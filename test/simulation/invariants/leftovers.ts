/**
 * What a deleted ModelDeployment leaves behind: nothing.
 */
import { valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { COMPONENT, LABEL, MANAGED_BY } from "../../../src/api/names.ts";
import type { Facts } from "../facts.ts";
import type { RestInvariant } from "./invariant.ts";

/** What is kept as a record of what happened, and runs out by itself. */
const RECORDS = new Set(["Event", "Lease", "ModelDeployment"]);

/** A deleted ModelDeployment leaves no object, and a namespace without any has no routers, nor a collector but its keys. */
export const leftovers: RestInvariant = {
  name: "nothing is left of what is gone",
  problems(facts) {
    return facts.world
      .allObjects()
      .filter((object) => !RECORDS.has(object.kind) && !facts.isForeign(object) && !isNeeded(object, facts))
      .map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name} is left`);
  },
};

function isNeeded({ kind, metadata }: KubeObject, { world }: Facts): boolean {
  const { labels = {}, namespace = "" } = metadata;
  if (labels[LABEL.managedBy] !== MANAGED_BY) return true;
  const owner = labels[LABEL.modelDeployment];
  if (owner !== undefined) return world.find("ModelDeployment", namespace, owner) !== undefined;
  const here = world
    .objects("ModelDeployment")
    .filter((deployment) => deployment.metadata.namespace === namespace);
  if (labels[LABEL.component] === COMPONENT.router) return here.length > 0;
  if (labels[LABEL.component] !== COMPONENT.collector) return false;
  // What was counted under one key of users cannot go on under another: keys are nobody's to delete but people's.
  return kind === "Secret" || here.some(({ spec }) => valueAt(spec, "quality") !== undefined);
}
