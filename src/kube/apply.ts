/**
 * The writes of Petrel: server-side apply by three field managers, so that each write owns its own fields and
 * nobody else's are touched.
 *
 * Replicas of a Deployment have a manager of their own. It is created with `replicas: 0` by `petrel`, then
 * sized through /scale by `petrel-scale`; later applies by `petrel` leave replicas out. Between the two, see
 * `replicasOwnedOnlyBy` in managed-fields.ts.
 */
import type { KubeObject, ObjectReference } from "../api/kube-object.ts";
import { referenceTo } from "./object-key.ts";
import type { KubePort } from "./port.ts";

/** Field managers. They stand in stored objects, so a name changes only with a migration. */
export const FIELD_MANAGER = {
  /** Children, whole. */
  children: "petrel",
  /** Status of Petrel's own kinds. */
  status: "petrel-status",
  /** Replicas, through /scale. */
  scale: "petrel-scale",
} as const;

/**
 * Applies an owned child for the first time. Where an object of the name exists and another manager has set
 * one of our fields to something else, nothing is written and it is a 409: a cache that lags must not scale a
 * running Deployment to the 0 it is created with, and an object of somebody else is not taken over.
 */
export function createChild(port: KubePort, object: KubeObject): Promise<KubeObject> {
  return port.apply(object, { fieldManager: FIELD_MANAGER.children, force: false });
}

/** Applies an owned child that exists; fields that others have taken are taken back. */
export function applyChild(port: KubePort, object: KubeObject): Promise<KubeObject> {
  return port.apply(object, { fieldManager: FIELD_MANAGER.children, force: true });
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

/** Sets the replicas of an object through its /scale. A 404 when it is not there. */
export function scale(port: KubePort, target: ObjectReference, replicas: number): Promise<KubeObject> {
  if (!Number.isInteger(replicas) || replicas < 0) {
    throw new Error(`replicas of ${target.name} must be a whole number from 0 on, got ${replicas}`);
  }
  const { name, namespace } = target;
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
  const object = { apiVersion: "autoscaling/v1", kind: "Scale", metadata, spec: { replicas } };
  const options = { fieldManager: FIELD_MANAGER.scale, force: true, subresource: "scale" } as const;
  return port.apply(object, options, target);
}

/** Deletes this very object, in the background with its dependents. Without a uid it could be a later one. */
export function remove(port: KubePort, object: KubeObject): Promise<void> {
  const { uid } = object.metadata;
  if (uid === undefined) throw new Error(`${object.kind} ${object.metadata.name} needs a uid to be removed`);
  return port.delete(referenceTo(object), { uid });
}
