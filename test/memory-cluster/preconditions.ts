/**
 * What must hold of the stored object before a write, and how the API server says that it does not.
 */
import type { KubeObject, ObjectReference } from "../../src/api/kube-object.ts";
import { KubeError } from "../../src/kube/port.ts";

/** The version that a write was decided from must be the stored one. */
export function requireVersion(reference: ObjectReference, stored: KubeObject, version: string | undefined) {
  if (version !== undefined && version !== stored.metadata.resourceVersion) {
    throw conflict(
      reference,
      "the object has been modified; please apply your changes to the latest version",
    );
  }
}

/** A replace is bound to one very object. */
export function requireUid(reference: ObjectReference, stored: KubeObject, uid: string | undefined) {
  if (uid !== undefined && uid !== stored.metadata.uid) {
    throw conflict(reference, `Precondition failed: UID ${uid}, UID in object meta: ${stored.metadata.uid}`);
  }
}

/** An apply is checked for its version first; then a uid is a field that nobody can change. */
export function requireAppliedIdentity(
  reference: ObjectReference,
  stored: KubeObject,
  { metadata }: KubeObject,
) {
  requireVersion(reference, stored, metadata.resourceVersion);
  if (metadata.uid !== undefined && metadata.uid !== stored.metadata.uid) {
    throw new KubeError(
      422,
      "Invalid",
      `${describe(reference)} is invalid: metadata.uid: field is immutable`,
    );
  }
}

/** 409: another writer was faster, or a precondition does not hold. */
export function conflict(reference: ObjectReference, message: string): KubeError {
  return new KubeError(409, "Conflict", `${describe(reference)}: ${message}`);
}

/** Names an object in the words of the API server. */
export function describe(reference: ObjectReference): string {
  const { group, plural } = reference.resource;
  return `${plural}${group === "" ? "" : `.${group}`} "${reference.name}"`;
}
