/**
 * What people ask of a ModelDeployment by an annotation, so that nothing of the spec is written, which Git may own.
 */
import type { ObjectReference } from "../api/kube-object.ts";
import { API_GROUP_VERSION } from "../api/names.ts";
import type { KubePort } from "../kube/port.ts";

/** One request. */
export interface AnnotationRequest {
  readonly annotation: string;
  /** Another one is another request; the same one again is none. */
  readonly token: string;
  /** Owner of this annotation alone: to apply the one must not take another back. It stands in stored objects. */
  readonly fieldManager: string;
}

/** Writes the annotation. Rejects with a 404 when there is no such object. */
export async function requestByAnnotation(
  port: KubePort,
  target: ObjectReference,
  { annotation, token, fieldManager }: AnnotationRequest,
): Promise<void> {
  const { metadata } = await port.get(target);
  const { name, namespace, uid } = metadata;
  const object = {
    apiVersion: API_GROUP_VERSION,
    kind: target.resource.kind,
    // With the uid, an apply does not bring back what was deleted meanwhile.
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      annotations: { [annotation]: token },
    },
  };
  await port.apply(object, { fieldManager, force: true });
}
