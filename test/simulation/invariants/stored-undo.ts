/**
 * The undo that stands for a ModelDeployment, as it is stored: told here once more, without the planner.
 */
import { asList, asString, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import { LABEL, MANAGED_BY } from "../../../src/api/names.ts";
import type { World } from "../world.ts";

/** An undo that stands. */
export interface StoredUndo {
  readonly request: string;
  readonly revision: string;
  readonly retry: string | undefined;
  readonly undone: readonly unknown[];
}

/** The undo that stands; undefined when none does. */
export function storedUndo(deployment: KubeObject | undefined): StoredUndo | undefined {
  const standing = valueAt(deployment, "status", "undo", "standing");
  const [request, revision] = [valueAt(standing, "request"), valueAt(standing, "revision")].map(asString);
  if (request === undefined || revision === undefined) return undefined;
  const retry = asString(valueAt(standing, "retry"));
  return { request, revision, retry, undone: asList(valueAt(standing, "undone")) };
}

/** Whether a model is one of those that were undone; every model of the simulation has a digest. */
export function isUndone({ undone }: StoredUndo, model: unknown): boolean {
  const digest = valueAt(model, "digest");
  return digest !== undefined && undone.some((other) => valueAt(other, "digest") === digest);
}

/** The record of a revision, where the operator can know it. */
export function visibleRecord(
  deployment: KubeObject,
  revision: string,
  world: World,
): KubeObject | undefined {
  const { namespace = "", uid } = deployment.metadata;
  const record = world.find("ControllerRevision", namespace, revision);
  const isOurs = record?.metadata.ownerReferences?.some((owner) => owner.uid === uid) === true;
  return isOurs && record.metadata.labels?.[LABEL.managedBy] === MANAGED_BY ? record : undefined;
}
