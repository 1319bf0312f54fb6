/**
 * What the operator does follows from a status that is stored: after a kill nobody could tell otherwise what was
 * meant. And what it makes is what the status speaks of.
 */
import { asString, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { LABEL } from "../../../src/api/names.ts";
import { modelUri } from "../cluster/pod.ts";
import { type Facts, isOperator } from "../facts.ts";
import type { Invariant } from "./invariant.ts";

/**
 * Model servers are made for a revision only once a stored status has named it, and serve the model of its record;
 * the Service leads to a port only once a stored plan has said it.
 */
export const reportFirst: Invariant = {
  name: "nothing is carried out that was not reported",
  brokenBy({ actor, before, after }, facts) {
    if (after === undefined || !isOperator(actor)) return undefined;
    const uid = facts.ownerOf(after)?.metadata.uid;
    if (uid === undefined) return undefined;
    if (after.kind === "Service" && after.metadata.labels?.[LABEL.modelDeployment] === after.metadata.name) {
      const [port] = [valueAt(after, "spec", "ports")].flat();
      const targetPort = valueAt(port, "targetPort");
      return facts.history.hasUsedPort(uid, targetPort)
        ? undefined
        : `${after.metadata.name} leads to ${targetPort}, which no plan has said`;
    }
    if (after.kind !== "Deployment") return undefined;
    const revision = after.metadata.labels?.[LABEL.modelRevision] ?? "";
    const owner = facts.ownerOf(after);
    const isArm = owner !== undefined && facts.experiments.hasNamed(owner, revision);
    if (before === undefined && !isArm && !facts.history.hasNamed(uid, revision)) {
      return `${after.metadata.name} is made for ${revision}, which no status has named`;
    }
    return wrongModel(after, revision, facts);
  },
};

/** Read from the ControllerRevision; one that was deleted meanwhile says nothing. */
function wrongModel(deployment: KubeObject, revision: string, { world }: Facts): string | undefined {
  const { namespace = "", name, labels = {} } = deployment.metadata;
  const kept = world.find("ControllerRevision", namespace, revision);
  const wanted =
    asString(valueAt(kept, "data", "poolModels", labels[LABEL.pool] ?? "", "uri")) ??
    asString(valueAt(kept, "data", "model", "uri"));
  const template = valueAt(deployment, "spec", "template");
  const found = modelUri({ ...deployment, spec: valueAt(template, "spec") });
  return wanted === undefined || found === wanted
    ? undefined
    : `${name} serves ${found} instead of ${wanted}`;
}
