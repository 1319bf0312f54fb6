/**
 * What a deleted ModelDeployment leaves behind: nothing.
 */
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { COMPONENT, LABEL, MANAGED_BY } from "../../../src/api/names.ts";
import type { Facts } from "../facts.ts";
import type { RestInvariant } from "./invariant.ts";

/** What is kept as a record of what happened, and runs out by itself. */
const RECORDS = new Set(["Event", "Lease", "ModelDeployment"]);

/** A deleted ModelDeployment leaves no object, and a namespace without any has no routers. */
export const leftovers: RestInvariant = {
  name: "nothing is left of what is gone",
  problems(facts) {
    return facts.world
      .allObjects()
      .filter((object) => !RECORDS.has(object.kind) && !facts.isForeign(object) && !isNeeded(object, facts))
      .map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name} is left`);
  },
};

function isNeeded({ metadata }: KubeObject, { world }: Facts): boolean {
  const { labels = {}, namespace = "" } = metadata;
  if (labels[LABEL.managedBy] !== MANAGED_BY) return true;
  const owner = labels[LABEL.modelDeployment];
  if (owner !== undefined) return world.find("ModelDeployment", namespace, owner) !== undefined;
  const isRouter = labels[LABEL.component] === COMPONENT.router;
  return (
    isRouter &&
    world.objects("ModelDeployment").some((deployment) => deployment.metadata.namespace === namespace)
  );
}
