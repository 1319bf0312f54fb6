/**
 * What keeps a ModelDeployment from being as it is wanted, at rest: names that are taken, room that is missing,
 * models that cannot be served.
 */
import { valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import type { ModelDeployment } from "../../../src/api/model-deployment.ts";
import type { ModelDeploymentSpec } from "../../../src/api/model-deployment-spec.ts";
import { LABEL } from "../../../src/api/names.ts";
import type { PoolSpec } from "../../../src/api/pool.ts";
import { desiredReplicas } from "../../../src/core/capacity/desired-replicas.ts";
import { modelRevisionName, modelRevisionOf } from "../../../src/core/revision/model-revision.ts";
import { readModelDeployment } from "../../../src/operator/projections/model-deployment.ts";
import { ROUTER_NAME } from "../../../src/render/router.ts";
import type { Facts } from "../facts.ts";
import { storedValidation } from "../validation-history.ts";
import { storedRelease, verdictOf } from "./stored-release.ts";
import { isUndone, storedUndo, visibleRecord } from "./stored-undo.ts";

/** Why a ModelDeployment cannot be as it is wanted. */
export type Obstacle =
  /** Somebody wants it to be left as it is. */
  | "Suspended"
  /** An undo stands, and nobody knows any more what the revision holds that it goes back to. */
  | "UndoLost"
  /** An object that it needs belongs to somebody else. */
  | "NameTaken"
  /** The routers of its namespace cannot be made: their name is taken. */
  | "NoRouters"
  /** A pod of it, or of its routers, fits on no node. */
  | "NoRoom"
  /** A pool is to serve a model that cannot be served. */
  | "BrokenModel"
  /** No replicas are asked for. */
  | "ScaledToZero"
  /** A person had what the spec asks for undone. */
  | "Undone"
  /** A person gave the release of what the spec asks for up. */
  | "GivenUp"
  /** What the spec asks for was judged, and is not good. */
  | "NotValidated";

/** The first obstacle that there is, the gravest first. */
export function obstacleTo({ metadata, spec }: ModelDeployment, facts: Facts): Obstacle | undefined {
  if (spec.suspend === true) return "Suspended";
  const { world } = facts;
  const { namespace, name } = metadata;
  const deployment = world.find("ModelDeployment", namespace, name);
  if (deployment !== undefined && isUndoLost(deployment, facts)) return "UndoLost";
  const foreign = world.allObjects().filter((object) => facts.isForeign(object));
  const isTaken = (wanted: string) =>
    foreign.some((object) => object.metadata.namespace === namespace && object.metadata.name === wanted);
  if (isTaken(name) || isTaken(`${name}-model-server`)) return "NameTaken";
  if (isTaken(ROUTER_NAME)) return "NoRouters";
  const isPending = world
    .objects("Pod")
    .some(
      (pod) =>
        pod.metadata.namespace === namespace &&
        [name, undefined].includes(pod.metadata.labels?.[LABEL.modelDeployment]) &&
        valueAt(pod, "spec", "nodeName") === undefined,
    );
  if (isPending) return "NoRoom";
  const undo = storedUndo(deployment);
  const desired = modelRevisionName(name, modelRevisionOf(spec));
  const isTakenBack = undo !== undefined && undo.revision !== desired && isUndone(undo, spec.model);
  const isFirst = valueAt(deployment, "status", "revisions", "stable") === desired;
  // What nothing has served before would have no replicas either way, and what is wrong with it comes first.
  const isRefusedFirst = isFirst && !isTakenBack && isRefused({ metadata, spec }, facts);
  if (poolsInUse(spec).length === 0 && !isRefusedFirst) return "ScaledToZero";
  if (isTakenBack) return "Undone";
  if (isGivenUp({ metadata, spec }, facts)) return "GivenUp";
  if (isRefused({ metadata, spec }, facts)) return "NotValidated";
  return poolsInUse(spec).some((pool) => isBrokenPool(spec, pool)) ? "BrokenModel" : undefined;
}

/** Whether an undo stands whose target is not on record, and the spec does not state it either. */
export function isUndoLost(deployment: KubeObject, { world }: Facts): boolean {
  const undo = storedUndo(deployment);
  if (undo === undefined || visibleRecord(deployment, undo.revision, world) !== undefined) return false;
  const { deployment: read } = readModelDeployment(deployment);
  if (read === undefined) return false;
  return modelRevisionName(read.metadata.name, modelRevisionOf(read.spec)) !== undo.revision;
}

/** Pools that are to have replicas. */
export function poolsInUse(spec: ModelDeploymentSpec): readonly PoolSpec[] {
  return spec.pools.filter((pool) => desiredReplicas(spec, pool) > 0);
}

/** Whether a pool is to serve a model that cannot be served. */
export function isBrokenPool(spec: ModelDeploymentSpec, pool: PoolSpec): boolean {
  return (pool.model ?? spec.model).uri.includes("broken");
}

/** Whether the validation of what the spec asks for has ended, and not well. */
export function isRefused(
  { metadata, spec }: Pick<ModelDeployment, "metadata" | "spec">,
  { world }: Facts,
): boolean {
  const { namespace, name } = metadata;
  const stored = storedValidation(world.find("ModelDeployment", namespace, name));
  const desired = modelRevisionName(name, modelRevisionOf(spec));
  if (spec.validation === undefined || stored?.revision !== desired) return false;
  return stored.outcome !== undefined && stored.outcome !== "Passed";
}

function isGivenUp(
  { metadata, spec }: Pick<ModelDeployment, "metadata" | "spec">,
  { world }: Facts,
): boolean {
  const { namespace, name } = metadata;
  const deployment = world.find("ModelDeployment", namespace, name);
  const release = deployment === undefined ? undefined : storedRelease(deployment, world);
  const desired = modelRevisionName(name, modelRevisionOf(spec));
  // Where nobody can know any more what served before, what was given up is all that there is.
  if (valueAt(deployment, "status", "revisions", "stable") === desired) return false;
  return verdictOf(release) === "Aborted" && valueAt(release, "spec", "revision") === desired;
}
