/**
 * Metadata that every child of a ModelDeployment carries: who owns it, and what it belongs to.
 */
import type { ObjectMeta } from "../api/kube-object.ts";
import { API_GROUP_VERSION, LABEL, MANAGED_BY } from "../api/names.ts";

/** The ModelDeployment that a child belongs to. */
export interface Owner {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
}

/** Labels of every child. */
export function childLabels(owner: Owner): Readonly<Record<string, string>> {
  return { [LABEL.managedBy]: MANAGED_BY, [LABEL.modelDeployment]: owner.name };
}

/** Metadata of a child: the owner reference lets the garbage collector remove it after its owner. */
export function childMetadata(
  owner: Owner,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): ObjectMeta {
  return {
    name,
    namespace: owner.namespace,
    labels: { ...childLabels(owner), ...labels },
    ownerReferences: [
      {
        apiVersion: API_GROUP_VERSION,
        kind: "ModelDeployment",
        name: owner.name,
        uid: owner.uid,
        controller: true,
        blockOwnerDeletion: true,
      },
    ],
  };
}
