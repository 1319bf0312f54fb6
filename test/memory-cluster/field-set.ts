/**
 * Sets of fields in the API server's FieldsV1 form, the arithmetic behind server-side apply.
 *
 * A node without children is a member of the set (a scalar, an atomic or an empty value); a node with
 * children is a member itself only if it has the child `.` (an item of a keyed list). Pure; no set is ever
 * changed in place.
 */

import { isRecord } from "../../src/api/json.ts";
import { type FieldPath, ITEM, listKeyOf, listTypeAt, mapIsAtomicAt } from "../../src/kube/merge-types.ts";

/** A set of fields, as in `managedFields[].fieldsV1`. */
export interface FieldSet {
  readonly [element: string]: FieldSet;
}

/** One member of a set, from the root down: `f:NAME`, `k:{...}`, `v:VALUE`. */
export type ElementPath = readonly string[];

/** The set without members. */
export const EMPTY_SET: FieldSet = {};

const SELF = ".";

/** All fields below a value. */
export function fieldsOf(value: unknown, path: FieldPath = []): FieldSet {
  if (isRecord(value) && !mapIsAtomicAt(path)) {
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [`f:${name}`, fieldsOf(member, [...path, name])]),
    );
  }
  if (!Array.isArray(value)) return EMPTY_SET;
  const type = listTypeAt(path);
  if (type.type === "Atomic") return EMPTY_SET;
  return Object.fromEntries(
    value.map((item: unknown) => {
      const element = itemElement(item, path);
      return element.startsWith("v:")
        ? [element, EMPTY_SET]
        : [element, { [SELF]: EMPTY_SET, ...fieldsOf(item, [...path, ITEM]) }];
    }),
  );
}

/**
 * Name of an item of a keyed list or of a set. Throws when an item lacks its key, as the API server refuses
 * it.
 */
export function itemElement(item: unknown, path: FieldPath): string {
  const type = listTypeAt(path);
  if (type.type !== "Map") return `v:${JSON.stringify(item)}`;
  const key = listKeyOf(item, type.keys);
  if (key === undefined) {
    const names = type.keys.map(({ name }) => name).join(", ");
    throw new Error(`an item of ${path.join(".")} lacks a key of the list (${names})`);
  }
  return `k:${JSON.stringify(key)}`;
}

/** The members of a set, parents before children. */
export function membersOf(set: FieldSet): readonly ElementPath[] {
  const members: ElementPath[] = [];
  const visit = (node: FieldSet, path: ElementPath) => {
    for (const [element, child] of Object.entries(node)) {
      if (element === SELF) continue;
      const childPath = [...path, element];
      if (isMember(child)) members.push(childPath);
      visit(child, childPath);
    }
  };
  visit(set, []);
  return members;
}

/** A set of these members. */
export function setOf(members: readonly ElementPath[]): FieldSet {
  const root: MutableFieldSet = {};
  for (const path of members) {
    let node = root;
    for (const element of path) {
      node[element] ??= {};
      node = node[element];
    }
    node[SELF] = {};
  }
  return withoutNeedlessSelf(root);
}

/** Whether the path itself is a member. */
export function hasMember(set: FieldSet, path: ElementPath): boolean {
  const node = nodeAt(set, path);
  return node !== undefined && isMember(node);
}

/** Whether the path or anything below it is a member. */
export function touches(set: FieldSet, path: ElementPath): boolean {
  return nodeAt(set, path) !== undefined;
}

/** The members of `left` that are not members of `right`. */
export function difference(left: FieldSet, right: FieldSet): FieldSet {
  if (Object.keys(right).length === 0) return left;
  return setOf(membersOf(left).filter((path) => !hasMember(right, path)));
}

/** The members of either. */
export function union(left: FieldSet, right: FieldSet): FieldSet {
  return setOf([...membersOf(left), ...membersOf(right)]);
}

/** The members of `set` that exist in an object with the fields `existing`. */
export function restrictedTo(set: FieldSet, existing: FieldSet): FieldSet {
  const kept = Object.entries(set).flatMap(([element, node]): [string, FieldSet][] => {
    if (element === SELF) return [[element, node]];
    const counterpart = existing[element];
    if (counterpart === undefined) return [];
    const rest = restrictedTo(node, counterpart);
    const hasChildren = Object.keys(rest).some((child) => child !== SELF);
    if (hasChildren) return [[element, rest]];
    return isMember(node) ? [[element, EMPTY_SET]] : [];
  });
  return Object.fromEntries(kept);
}

interface MutableFieldSet {
  [element: string]: MutableFieldSet;
}

/** A leaf is a member by itself; only keyed items with children carry the mark. */
function withoutNeedlessSelf(node: MutableFieldSet): FieldSet {
  const { [SELF]: self, ...children } = node;
  const entries = Object.entries(children).map(([element, child]) => [element, withoutNeedlessSelf(child)]);
  return Object.fromEntries(
    self === undefined || entries.length === 0 ? entries : [[SELF, EMPTY_SET], ...entries],
  );
}

function isMember(node: FieldSet): boolean {
  return node[SELF] !== undefined || Object.keys(node).length === 0;
}

function nodeAt(set: FieldSet, path: ElementPath): FieldSet | undefined {
  let node: FieldSet | undefined = set;
  for (const element of path) node = node?.[element];
  return node;
}
