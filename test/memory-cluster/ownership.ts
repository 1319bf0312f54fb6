/**
 * Who owns which field after a write: the bookkeeping of server-side apply. Pure.
 *
 * An apply owns exactly what it says; what it said before and says no longer is removed unless somebody else
 * owns it. An update owns what it changed.
 */

import { isRecord } from "../../src/api/json.ts";
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
import { jsonEquals, merge, valueAtElement, withoutElement } from "./structured-merge.ts";

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
  return fieldsOf(Object.keys(owned).length === 0 ? rest : { ...rest, metadata: owned });
}

/** Applies `applied` to `live`, which for a new object has nothing but its identity. */
export function applyAs(writer: Writer, live: KubeObject, applied: KubeObject, force: boolean): ApplyOutcome {
  const wanted = ownableFields(applied);
  const entries = live.metadata.managedFields ?? [];
  const mine = entries.find((entry) => isWriter(entry, writer));
  const others = entries
    .filter((entry) => entry !== mine)
    .map((entry) => ({ ...entry, fieldsV1: parseFieldSet(entry.fieldsV1) }));

  const changed = membersOf(wanted).filter(
    (path) => !jsonEquals(valueAtElement(live, path), valueAtElement(applied, path)),
  );
  // An item of a keyed list is there or not; what differs about it is told by its fields.
  const contested = changed.filter((path) => membersOf(nodeUnder(wanted, path)).length === 0);
  const conflicts = others.flatMap((entry) =>
    contested
      .filter((path) => hasMember(entry.fieldsV1, path))
      .map((path) => ({ manager: entry.manager, field: fieldName(path) })),
  );
  if (conflicts.length > 0 && !force) return { conflicts };

  const lost = setOf(contested);
  const remaining = others.map((entry) => ({
    ...entry,
    fieldsV1: difference(entry.fieldsV1, lost),
  }));
  let object = asObject(merge(live, withoutUnowned(applied)), live);
  const released = membersOf(difference(parseFieldSet(mine?.fieldsV1), wanted));
  const isStillOwned = (path: ElementPath) =>
    touches(wanted, path) || remaining.some((entry) => touches(entry.fieldsV1, path));
  for (const path of released) {
    if (!isStillOwned(path)) object = asObject(withoutElement(object, path), live);
  }
  return { object: withManagers(object, [...remaining, { ...writer, fieldsV1: wanted }]) };
}

/** Gives the fields in which `after` differs from `before` to the writer of an update. */
export function updateAs(writer: Writer, before: KubeObject | undefined, after: KubeObject): KubeObject {
  const changed = setOf(
    membersOf(ownableFields(after)).filter(
      (path) =>
        before === undefined || !jsonEquals(valueAtElement(before, path), valueAtElement(after, path)),
    ),
  );
  const entries = before?.metadata.managedFields ?? [];
  const mine = entries.find((entry) => isWriter(entry, writer));
  const others = entries.filter((entry) => entry !== mine);
  return withManagers(after, [
    ...others.map((entry) => ({ ...entry, fieldsV1: difference(parseFieldSet(entry.fieldsV1), changed) })),
    { ...writer, fieldsV1: union(parseFieldSet(mine?.fieldsV1), changed) },
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

function nodeUnder(set: FieldSet, path: ElementPath): FieldSet {
  let node: FieldSet | undefined = set;
  for (const element of path) node = node?.[element];
  return node ?? EMPTY_SET;
}

/** Takes a set over from an entry. Entries in store were made here, but come in through `unknown`. */
function parseFieldSet(value: unknown): FieldSet {
  if (!isRecord(value)) return EMPTY_SET;
  return Object.fromEntries(Object.entries(value).map(([element, node]) => [element, parseFieldSet(node)]));
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
