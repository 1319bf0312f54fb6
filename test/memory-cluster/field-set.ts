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

/** The mark of a node that is a member itself. */
export const SELF = ".";

/** All fields below a value. */
export function fieldsOf(value: unknown, path: FieldPath = []): FieldSet {
  if (typeof value !== "object" || value === null) return EMPTY_SET;
  const isFrozen = Object.isFrozen(value);
  const known = isFrozen ? knownFields.get(value) : undefined;
  if (known !== undefined && isSamePath(known.path, path)) return known.set;
  const set = Array.isArray(value) ? fieldsOfList(value, path) : fieldsOfMap(value, path);
  if (isFrozen) knownFields.set(value, { path, set });
  return set;
}

/** Fields of values in store, which never change: most writes leave most of an object as it was. */
const knownFields = new WeakMap<object, { readonly path: FieldPath; readonly set: FieldSet }>();

function isSamePath(left: FieldPath, right: FieldPath): boolean {
  return left.length === right.length && left.every((name, index) => name === right[index]);
}

function fieldsOfMap(map: object, path: FieldPath): FieldSet {
  if (!isRecord(map) || mapIsAtomicAt(path)) return EMPTY_SET;
  const set: Record<string, FieldSet> = {};
  for (const name of Object.keys(map)) {
    const member = map[name];
    const isLeaf = typeof member !== "object" || member === null;
    set[`f:${name}`] = isLeaf ? EMPTY_SET : fieldsOf(member, [...path, name]);
  }
  return set;
}

function fieldsOfList(list: readonly unknown[], path: FieldPath): FieldSet {
  if (listTypeAt(path).type === "Atomic") return EMPTY_SET;
  const set: Record<string, FieldSet> = {};
  const itemPath = [...path, ITEM];
  for (const item of list) {
    const element = itemElement(item, path);
    set[element] = element.startsWith("v:") ? EMPTY_SET : { [SELF]: EMPTY_SET, ...fieldsOf(item, itemPath) };
  }
  return set;
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

/** The members of `left` that are not members of `right`; `left` itself when that is all of them. */
export function difference(left: FieldSet, right: FieldSet): FieldSet {
  if (right === EMPTY_SET) return left;
  return changedEntries(left, (element, node) => {
    const counterpart = element === SELF ? undefined : right[element];
    if (counterpart === undefined) return node;
    return nodeOf(isMember(node) && !isMember(counterpart), difference(childrenOf(node), counterpart));
  });
}

/** The members of either. */
export function union(left: FieldSet, right: FieldSet): FieldSet {
  const united: Record<string, FieldSet> = { ...left };
  for (const [element, node] of Object.entries(right)) {
    if (element === SELF) continue;
    const counterpart = united[element];
    united[element] =
      counterpart === undefined
        ? node
        : (nodeOf(
            isMember(counterpart) || isMember(node),
            union(childrenOf(counterpart), childrenOf(node)),
          ) ?? EMPTY_SET);
  }
  return united;
}

/** The members of `set` that exist in an object with the fields `existing`; `set` itself when all of them do. */
export function restrictedTo(set: FieldSet, existing: FieldSet): FieldSet {
  return changedEntries(set, (element, node) => {
    if (element === SELF) return node;
    const counterpart = existing[element];
    if (counterpart === undefined) return undefined;
    const rest = restrictedTo(node, counterpart);
    if (rest === node) return node;
    return hasChildren(rest) ? rest : nodeOf(isMember(node), EMPTY_SET);
  });
}

/** Whether a node has members below it. */
export function hasChildren(node: FieldSet): boolean {
  for (const element in node) {
    if (element !== SELF) return true;
  }
  return false;
}

/** The set with each node replaced, or left out for undefined; the set itself when none has changed. */
function changedEntries(
  set: FieldSet,
  change: (element: string, node: FieldSet) => FieldSet | undefined,
): FieldSet {
  const changed: Record<string, FieldSet> = {};
  let isSame = true;
  for (const [element, node] of Object.entries(set)) {
    const next = change(element, node);
    if (next !== node) isSame = false;
    if (next !== undefined) changed[element] = next;
  }
  return isSame ? set : changed;
}

/** The node of an element with these children; undefined when it would hold no member. */
function nodeOf(isItselfMember: boolean, children: FieldSet): FieldSet | undefined {
  if (!hasChildren(children)) return isItselfMember ? EMPTY_SET : undefined;
  return isItselfMember ? { [SELF]: EMPTY_SET, ...children } : children;
}

function childrenOf(node: FieldSet): FieldSet {
  if (node[SELF] === undefined) return node;
  const { [SELF]: _self, ...children } = node;
  return children;
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

/** Whether a node is a member itself, beside those below it. */
export function isMember(node: FieldSet): boolean {
  return node[SELF] !== undefined || !hasChildren(node);
}

function nodeAt(set: FieldSet, path: ElementPath): FieldSet | undefined {
  let node: FieldSet | undefined = set;
  for (const element of path) node = node?.[element];
  return node;
}
