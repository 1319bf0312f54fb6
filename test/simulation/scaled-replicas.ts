/**
 * How many replicas a ModelDeployment asks for in its first pool, told once more in plain words: an error of the planner must
 * not be one here.
 */
import { asList, asNumber, asString, valueAt } from "../../src/api/json.ts";
import type { KubeObject } from "../../src/api/kube-object.ts";
import type { ModelDeployment } from "../../src/api/model-deployment.ts";

/** By the stored object: what autoscaling has stored, or else what the spec says. */
export function storedReplicas(deployment: KubeObject): number | undefined {
  return asNumber(
    valueAt(deployment, "status", "autoscaling", "replicas") ?? valueAt(deployment, "spec", "replicas"),
  );
}

/** A pool of the stored spec. */
export interface StoredPool {
  readonly name: string;
  readonly replicas: number;
}

/** The pools, by the stored object; the first one has the replicas of the ModelDeployment. */
export function storedPools(deployment: KubeObject): readonly StoredPool[] {
  return asList(valueAt(deployment, "spec", "pools")).map((pool, index) => ({
    name: asString(valueAt(pool, "name")) ?? "",
    replicas: (index === 0 ? storedReplicas(deployment) : asNumber(valueAt(pool, "replicas"))) ?? 0,
  }));
}

/** The same, as a spec that says so. */
export function withStoredReplicas(deployment: ModelDeployment): ModelDeployment {
  const { spec, status } = deployment;
  return { ...deployment, spec: { ...spec, replicas: status.autoscaling?.replicas ?? spec.replicas } };
}
