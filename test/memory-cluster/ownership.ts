/**
 * Who owns which field after a write: the bookkeeping of server-side apply. Pure.
 *
 * An apply owns exactly what it says; what it said before and says no longer is removed unless somebody else
 * owns it. An update owns what it changed.
 */

import { isRecord } from "../../src/api/json.ts";
import { jsonEquals } from "../../src/api/json-equals.ts";
import type { KubeObject, ManagedFieldsEntry } from "../../src/api/kube-object.ts";
import {
  difference,
  type ElementPath,
  EMPTY_SET,
  type FieldSet,
  fieldsOf,
  hasMember,
  membersOf,
  restrictedTo,
  setOf,
  touches,
  union,
} from "./field-set.ts";
import { changedMembers, merge, withoutElement } from "./structured-merge.ts";

/** Who writes. Two entries of `managedFields` are the same manager when all of it is equal. */
export interface Writer {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  readonly subresource?: string;
}

/** A field that others own and that an apply without force wants to change. */
export interface OwnershipConflict {
  readonly manager: string;
  readonly field: string;
}

/** Outcome of an apply: the object, or what stands against it. */
export type ApplyOutcome =
  | { readonly object: KubeObject }
  | { readonly conflicts: readonly OwnershipConflict[] };

/** Fields of `metadata` that the API server alone writes, and that name the object: nobody owns them. */
const UNOWNED_METADATA = [
  "name",
  "namespace",
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "managedFields",
] as const;

/** The fields of an object that can have an owner. */
export function ownableFields(object: KubeObject): FieldSet {
  const { apiVersion: _version, kind: _kind, metadata, ...rest } = object;
  const owned: Record<string, unknown> = { ...metadata };
  for (const name of UNOWNED_METADATA) delete owned[name];
  const fields: Record<string, FieldSet> = {};
  for (const [name, value] of Object.entries(rest)) fields[`f:${name}`] = fieldsOf(value, [name]);
  if (Object.keys(owned).length > 0) fields["f:metadata"] = fieldsOf(owned, ["metadata"]);
  return fields;
}

/** Applies `applied` to `live`, which for a new object has nothing but its identity. */
export function applyAs(writer: Writer, live: KubeObject, applied: KubeObject, force: boolean): ApplyOutcome {
  const wanted = ownableFields(applied);
  const entries = live.metadata.managedFields ?? [];
  const mine = entries.find((entry) => isWriter(entry, writer));
  const others = entries
    .filter((entry) => entry !== mine)
    .map((entry) => ({ ...entry, fieldsV1: fieldSetOf(entry.fieldsV1) }));

  const merged = merge(live, withoutUnowned(applied));
  // Nothing new, and no other fields than before: most applies confirm what stands.
  if (merged === live && mine !== undefined && jsonEquals(mine.fieldsV1, wanted)) {
    const same = { ...writer, fieldsV1: fieldSetOf(mine.fieldsV1) };
    return { object: withManagers(live, [...others, same]) };
  }
  // Asked of nobody where nobody else owns anything: of an object that is made, all of it has changed.
  const contested = others.length === 0 ? [] : changedMembers(wanted, live, applied).leaves;
  const conflicts = others.flatMap((entry) =>
    contested
      .filter((path) => hasMember(entry.fieldsV1, path))
      .map((path) => ({ manager: entry.manager, field: fieldName(path) })),
  );
  if (conflicts.length > 0 && !force) return { conflicts };

  const lost = contested.length === 0 ? EMPTY_SET : setOf(contested);
  const remaining = others.map((entry) => ({
    ...entry,
    fieldsV1: difference(entry.fieldsV1, lost),
  }));
  let object = asObject(merged, live);
  const released = membersOf(difference(fieldSetOf(mine?.fieldsV1), wanted));
  const isStillOwned = (path: ElementPath) =>
    touches(wanted, path) || remaining.some((entry) => touches(entry.fieldsV1, path));
  for (const path of released) {
    if (!isStillOwned(path)) object = asObject(withoutElement(object, path), live);
  }
  return { object: withManagers(object, [...remaining, { ...writer, fieldsV1: wanted }]) };
}

/** Gives the fields in which `after` differs from `before` to the writer of an update. */
export function updateAs(writer: Writer, before: KubeObject | undefined, after: KubeObject): KubeObject {
  const changed = setOf(changedMembers(ownableFields(after), before, after).all);
  const entries = before?.metadata.managedFields ?? [];
  const mine = entries.find((entry) => isWriter(entry, writer));
  const others = entries.filter((entry) => entry !== mine);
  return withManagers(after, [
    ...others.map((entry) => ({ ...entry, fieldsV1: difference(fieldSetOf(entry.fieldsV1), changed) })),
    { ...writer, fieldsV1: union(fieldSetOf(mine?.fieldsV1), changed) },
  ]);
}

/** Sets the entries, without fields that do not exist and without managers that own nothing. */
function withManagers(
  object: KubeObject,
  entries: readonly (ManagedFieldsEntry & { readonly fieldsV1: FieldSet })[],
): KubeObject {
  const existing = ownableFields(object);
  const managedFields = entries
    .map((entry) => ({ ...entry, fieldsV1: restrictedTo(entry.fieldsV1, existing) }))
    .filter((entry) => Object.keys(entry.fieldsV1).length > 0);
  // The API server lists applies before updates.
  const applies = managedFields.filter(({ operation }) => operation === "Apply");
  const updates = managedFields.filter(({ operation }) => operation === "Update");
  return { ...object, metadata: { ...object.metadata, managedFields: [...applies, ...updates] } };
}

function withoutUnowned(applied: KubeObject): Record<string, unknown> {
  const metadata: Record<string, unknown> = { ...applied.metadata };
  for (const name of UNOWNED_METADATA) delete metadata[name];
  return { ...applied, metadata };
}

function isWriter(entry: ManagedFieldsEntry, writer: Writer): boolean {
  return (
    entry.manager === writer.manager &&
    entry.operation === writer.operation &&
    entry.apiVersion === writer.apiVersion &&
    entry.subresource === writer.subresource
  );
}

/** The set of an entry. Entries in store were made here, and only come in through `unknown`. */
function fieldSetOf(value: unknown): FieldSet {
  return isFieldSet(value) ? value : EMPTY_SET;
}

function isFieldSet(value: unknown): value is FieldSet {
  return isRecord(value);
}

function asObject(value: unknown, identity: KubeObject): KubeObject {
  const { apiVersion, kind } = identity;
  const fields = isRecord(value) ? value : {};
  const metadata = isRecord(fields["metadata"]) ? fields["metadata"] : {};
  return { ...fields, apiVersion, kind, metadata: { ...metadata, name: identity.metadata.name } };
}

function fieldName(path: ElementPath): string {
  return path
    .map((element) => (element.startsWith("f:") ? `.${element.slice(2)}` : `[${element.slice(2)}]`))
    .join("");
}
