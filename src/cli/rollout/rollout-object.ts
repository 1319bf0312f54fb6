/**
 * A ModelRollout as people's commands read it. Pure.
 */
import { Compile } from "typebox/compile";
import type { KubeObject } from "../../api/kube-object.ts";
import { type ModelRolloutSpec, modelRolloutSpecSchema } from "../../api/model-rollout-spec.ts";
import { type ModelRolloutStatus, modelRolloutStatusSchema } from "../../api/model-rollout-status.ts";
import { LABEL } from "../../api/names.ts";
import type { DeploymentObject } from "../deployment-object.ts";

const specCheck = Compile(modelRolloutSpecSchema);
const statusCheck = Compile(modelRolloutStatusSchema);

/** What is known of one release. */
export interface RolloutObject {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string | undefined;
  readonly spec: ModelRolloutSpec;
  /** Empty where it does not fit the schema that this program knows. */
  readonly status: ModelRolloutStatus;
}

/** Selects the ModelRollouts of a ModelDeployment. */
export function rolloutSelector(name: string): string {
  return `${LABEL.modelDeployment}=${name}`;
}

/** Reads one; undefined when it is one of another schema. */
export function rolloutObject(object: KubeObject): RolloutObject | undefined {
  const { name, namespace = "", uid } = object.metadata;
  const [spec, status] = [object["spec"], object["status"] ?? {}];
  if (!specCheck.Check(spec)) return undefined;
  return { name, namespace, uid, spec, status: statusCheck.Check(status) ? status : {} };
}

/** Those of this very ModelDeployment, oldest first. */
export function rolloutsOf(
  deployment: DeploymentObject,
  objects: readonly KubeObject[],
): readonly RolloutObject[] {
  return objects
    .filter(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uid === deployment.uid) === true)
    .flatMap((object) => rolloutObject(object) ?? [])
    .toSorted((left, right) => left.spec.number - right.spec.number);
}
