/**
 * The model revision: the part of a spec that changes predictions.
 *
 * Two specs with the same model revision give the same answers, so replicas, resources, tolerations and
 * traffic settings are never part of it. Its hash names the ControllerRevision that keeps it.
 */
import Type from "typebox";
import { childName } from "../../api/child-name.ts";
import { contentHash } from "../../api/content-hash.ts";
import type { ModelDeploymentSpec } from "../../api/model-deployment-spec.ts";
import { type ModelSource, modelSourceSchema } from "../../api/model-source.ts";
import { runtimeSchema } from "../../api/runtime.ts";

/** JSON Schema of what is kept in a ControllerRevision. */
export const modelRevisionDataSchema = Type.Object({
  model: modelSourceSchema,
  runtime: runtimeSchema,
  /** Models of pools that have their own, by the name of the pool. */
  poolModels: Type.Record(Type.String(), modelSourceSchema),
});

/** What is kept in a ControllerRevision. */
export type ModelRevisionData = Type.Static<typeof modelRevisionDataSchema>;

/** The model revision that a spec asks for. */
export function modelRevisionOf(spec: ModelDeploymentSpec): ModelRevisionData {
  const poolModels: Record<string, ModelSource> = {};
  for (const pool of spec.pools) {
    if (pool.model !== undefined) poolModels[pool.name] = pool.model;
  }
  return { model: spec.model, runtime: spec.runtime, poolModels };
}

/**
 * Name of the ControllerRevision that keeps this data: equal data, equal name. The hash covers the name of the
 * deployment too, so that names made from it never meet those of a deployment with a similar name.
 */
export function modelRevisionName(deploymentName: string, data: ModelRevisionData): string {
  return childName(deploymentName, contentHash([deploymentName, data]));
}

/** The model that a pool serves in this revision. */
export function poolModel(data: ModelRevisionData, pool: string): ModelSource {
  return data.poolModels[pool] ?? data.model;
}
