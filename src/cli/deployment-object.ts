/**
 * A ModelDeployment as people's commands read it. Whatever can be read is, so that a status of another version of the
 * operator still says what it can. Pure.
 */
import { Compile } from "typebox/compile";
import type { Condition, ConditionType } from "../api/conditions.ts";
import { asRecord } from "../api/json.ts";
import type { KubeObject, ObjectReference } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import type { ModelDeploymentStatus } from "../api/model-deployment-status.ts";
import { modelDeploymentStatusSchema } from "../api/model-deployment-status.ts";

const statusCheck = Compile(modelDeploymentStatusSchema);

/** What is known of one ModelDeployment. */
export interface DeploymentObject {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string | undefined;
  readonly createdAt: string | undefined;
  readonly generation: number;
  readonly isDeleted: boolean;
  readonly isSuspended: boolean;
  /** Empty where it does not fit the schema that this program knows. */
  readonly status: ModelDeploymentStatus;
  readonly isReadable: boolean;
}

/** Reads one. */
export function deploymentObject(object: KubeObject): DeploymentObject {
  const { metadata } = object;
  const status = object["status"] ?? {};
  const isReadable = statusCheck.Check(status);
  return {
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    uid: metadata.uid,
    createdAt: metadata.creationTimestamp,
    generation: metadata.generation ?? 0,
    isDeleted: metadata.deletionTimestamp !== undefined,
    isSuspended: asRecord(object["spec"])?.["suspend"] === true,
    status: isReadable ? status : {},
    isReadable,
  };
}

/** One of its conditions. */
export function conditionOf({ status }: DeploymentObject, type: ConditionType): Condition | undefined {
  return status.conditions?.find((condition) => condition.type === type);
}

/** Names one. */
export function deploymentReference(namespace: string, name: string): ObjectReference {
  return { resource: RESOURCE.modelDeployment, namespace, name };
}
