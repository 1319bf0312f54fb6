/**
 * How many replicas a ModelDeployment asks for in its first pool, told once more in plain words: an error of the planner must
 * not be one here.
 */
import { asNumber, valueAt } from "../../src/api/json.ts";
import type { KubeObject } from "../../src/api/kube-object.ts";
import type { ModelDeployment } from "../../src/api/model-deployment.ts";

/** By the stored object: what autoscaling has stored, or else what the spec says. */
export function storedReplicas(deployment: KubeObject): number | undefined {
  return asNumber(
    valueAt(deployment, "status", "autoscaling", "replicas") ?? valueAt(deployment, "spec", "replicas"),
  );
}

/** The same, as a spec that says so. */
export function withStoredReplicas(deployment: ModelDeployment): ModelDeployment {
  const { spec, status } = deployment;
  return { ...deployment, spec: { ...spec, replicas: status.autoscaling?.replicas ?? spec.replicas } };
}
