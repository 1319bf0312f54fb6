/**
 * Reads who owns a field from `metadata.managedFields`, in the API server's FieldsV1 form: a tree whose keys
 * are `f:NAME` for a field, `k:{...}` for an item of a keyed list, `v:VALUE` for one of a set and `.` for the
 * node itself. Pure.
 */

import { isRecord } from "../api/json.ts";
import type { KubeObject, ManagedFieldsEntry } from "../api/kube-object.ts";

/** Entries of the managers that own the field at a path of plain names. */
export function ownersOf(object: KubeObject, path: readonly string[]): readonly ManagedFieldsEntry[] {
  return (object.metadata.managedFields ?? []).filter((entry) => {
    let node: unknown = entry.fieldsV1;
    for (const name of path) node = isRecord(node) ? node[`f:${name}`] : undefined;
    return node !== undefined;
  });
}

/**
 * Whether `manager`, and nobody else, owns `spec.replicas`. Then an apply by it that leaves the field out
 * would reset it to the API's default of 1: the field must stay in until `petrel-scale` or somebody else has
 * taken it over. False when nobody owns it, and for an object that was read without its managedFields.
 */
export function replicasOwnedOnlyBy(object: KubeObject, manager: string): boolean {
  const owners = ownersOf(object, ["spec", "replicas"]);
  return owners.length > 0 && owners.every((owner) => owner.manager === manager);
}
