/**
 * The writes of Petrel: server-side apply by four field managers, so that each write owns its own fields and
 * nobody else's are touched.
 *
 * Replicas of a Deployment have a manager of their own. It is created with `replicas: 0` by `petrel`, then
 * sized through /scale by `petrel-scale`; later applies by `petrel` leave replicas out. Between the two, see
 * `replicasOwnedOnlyBy` in managed-fields.ts.
 */
import type { KubeObject, ObjectReference } from "../api/kube-object.ts";
import { isNotFound, KubeError, type KubePort } from "./port.ts";

/** Field managers. They stand in stored objects, so a name changes only with a migration. */
export const FIELD_MANAGER = {
  /** Children, whole. */
  children: "petrel",
  /** Status of Petrel's own kinds. */
  status: "petrel-status",
  /** Replicas, through /scale. */
  scale: "petrel-scale",
  /** What follows from an anomaly, in a ModelRollout. */
  anomaly: "petrel-anomaly",
} as const;

/** A version that no object has ever had: etcd gives the first one 2. */
const VERSION_OF_NOTHING = "1";

/**
 * Applies an owned child for the first time, in one request. Where an object of the name exists, nothing is
 * written and it is a 409: a cache that lags must not scale a running Deployment to the 0 it is created with,
 * and an object of somebody else is not taken over. (A POST would do that too, but record an update instead of an
 * apply, and what it set would stay for ever.)
 */
export function createChild(port: KubePort, object: KubeObject): Promise<KubeObject> {
  const fenced = { ...object, metadata: { ...object.metadata, resourceVersion: VERSION_OF_NOTHING } };
  return port.apply(fenced, { fieldManager: FIELD_MANAGER.children, force: false });
}

/**
 * Applies an owned child that stands, as the uid says; fields that others have taken are taken back. A 409 when it is gone,
 * or another one by now: what is said to one that stands would make a new Deployment with the one replica of the API's
 * default.
 */
export function applyChild(port: KubePort, object: KubeObject, uid: string): Promise<KubeObject> {
  return applyStanding(port, object, uid, FIELD_MANAGER.children);
}

/**
 * Applies the status that was decided from one version of an object. A version that is no longer the stored
 * one is a 409: gather again. `observed` is the object that was read; only its identity and version are used.
 */
export function applyStatus(port: KubePort, observed: KubeObject, status: unknown): Promise<KubeObject> {
  const { name, namespace, resourceVersion } = observed.metadata;
  if (resourceVersion === undefined) {
    throw new Error(`the status of ${observed.kind} ${name} needs the resourceVersion it was decided from`);
  }
  const metadata = { name, resourceVersion, ...(namespace === undefined ? {} : { namespace }) };
  const object = { apiVersion: observed.apiVersion, kind: observed.kind, metadata, status };
  return port.apply(object, { fieldManager: FIELD_MANAGER.status, force: true, subresource: "status" });
}

/**
 * Sets the replicas of an object through its /scale. A 404 when it is not there; with a `resourceVersion`, a 409 when
 * that is not the stored one.
 */
export function scale(
  port: KubePort,
  target: ObjectReference,
  replicas: number,
  resourceVersion?: string,
): Promise<KubeObject> {
  if (!Number.isInteger(replicas) || replicas < 0) {
    throw new Error(`replicas of ${target.name} must be a whole number from 0 on, got ${replicas}`);
  }
  const { name, namespace } = target;
  const metadata = {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
  const object = { apiVersion: "autoscaling/v1", kind: "Scale", metadata, spec: { replicas } };
  const options = { fieldManager: FIELD_MANAGER.scale, force: true, subresource: "scale" } as const;
  return port.apply(object, options, target);
}

/**
 * Writes a few fields of an object's spec that people may write as well, whoever wrote them last. It must name the uid: a
 * 409 when the object is gone, or another one by now.
 */
export function applyGuidance(port: KubePort, object: KubeObject): Promise<KubeObject> {
  return applyStanding(port, object, object.metadata.uid ?? "", FIELD_MANAGER.anomaly);
}

async function applyStanding(
  port: KubePort,
  object: KubeObject,
  uid: string,
  fieldManager: string,
): Promise<KubeObject> {
  if (uid === "") throw new Error(`${object.kind} ${object.metadata.name} needs a uid to be applied to`);
  const standing = { ...object, metadata: { ...object.metadata, uid } };
  try {
    return await port.apply(standing, { fieldManager, force: true });
  } catch (error) {
    // The API server takes another uid for a change of one, which is a fault of the request and not of the moment.
    if (!(error instanceof KubeError && error.status === 422 && error.message.includes("metadata.uid"))) {
      throw error;
    }
    throw new KubeError(409, "Conflict", error.message);
  }
}

/**
 * Deletes this very object, in the background with its dependents, unless it is gone already. A 409 when it is another
 * one by now.
 */
export async function remove(port: KubePort, target: ObjectReference, uid: string): Promise<void> {
  if (uid === "") throw new Error(`${target.resource.kind} ${target.name} needs a uid to be removed`);
  try {
    await port.delete(target, { uid });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
