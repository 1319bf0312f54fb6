/**
 * What the operator keeps of the objects that it made: what is needed to tell whether they still are as they
 * should be. Their status and the record of field owners are not kept.
 */
import { Compile } from "typebox/compile";
import { asNumber, valueAt } from "../../api/json.ts";
import type { KubeObject } from "../../api/kube-object.ts";
import { LABEL } from "../../api/names.ts";
import type { ObservedModelServers, ObservedRevision } from "../../core/observation.ts";
import { modelRevisionDataSchema } from "../../core/revision/model-revision.ts";
import { FIELD_MANAGER } from "../../kube/apply.ts";
import { replicasOwnedOnlyBy } from "../../kube/managed-fields.ts";

const revisionDataCheck = Compile(modelRevisionDataSchema);

/** A child or a router object in the cache. */
export interface ChildSummary {
  /** The object without `status` and `metadata.managedFields`. */
  readonly object: KubeObject;
  /** For a Deployment: whether the applier alone owns `spec.replicas`. */
  readonly replicasAreUnclaimed: boolean;
}

/** Projects an object that Petrel made. */
export function projectChild(object: KubeObject): ChildSummary {
  const { managedFields: _owners, ...metadata } = object.metadata;
  const { status: _status, ...rest } = object;
  return {
    object: { ...rest, metadata },
    replicasAreUnclaimed: object.kind === "Deployment" && replicasOwnedOnlyBy(object, FIELD_MANAGER.children),
  };
}

/** The model servers that a Deployment stands for; undefined when its labels do not say. */
export function modelServersOf(child: ChildSummary): ObservedModelServers | undefined {
  const { metadata } = child.object;
  const revision = metadata.labels?.[LABEL.modelRevision];
  const pool = metadata.labels?.[LABEL.pool];
  if (revision === undefined || pool === undefined || metadata.uid === undefined) return undefined;
  return {
    name: metadata.name,
    uid: metadata.uid,
    revision,
    pool,
    replicas: asNumber(valueAt(child.object, "spec", "replicas")) ?? 1,
    replicasAreUnclaimed: child.replicasAreUnclaimed,
  };
}

/** The model revision in a ControllerRevision; undefined when its content is not one. */
export function modelRevisionIn(child: ChildSummary): ObservedRevision | undefined {
  const number = asNumber(child.object["revision"]);
  const data = child.object["data"];
  if (number === undefined || !revisionDataCheck.Check(data)) return undefined;
  return { name: child.object.metadata.name, number, data };
}
