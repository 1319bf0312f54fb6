/**
 * Merging of objects as server-side apply does it: maps by field, keyed lists by item, everything else as one
 * value. Pure; objects are never changed in place.
 *
 * Source: KEP-555 and sigs.k8s.io/structured-merge-diff, as far as the contract suite compares it with the
 * real one.
 */

import { isRecord } from "../../src/api/json.ts";
import { jsonEquals } from "../../src/api/json-equals.ts";
import { type FieldPath, ITEM, listTypeAt, mapIsAtomicAt } from "../../src/kube/merge-types.ts";
import { type ElementPath, type FieldSet, hasChildren, isMember, itemElement, SELF } from "./field-set.ts";

/** `live` with everything that `applied` says in it; `live` itself where that is nothing new. */
export function merge(live: unknown, applied: unknown, path: FieldPath = []): unknown {
  if (applied === undefined || applied === live) return live;
  if (isRecord(live) && isRecord(applied) && !mapIsAtomicAt(path)) {
    const merged: Record<string, unknown> = { ...live };
    let isSame = true;
    for (const [name, value] of Object.entries(applied)) {
      const former = live[name];
      const next = merge(former, value, [...path, name]);
      if (next === former && next !== undefined) continue;
      merged[name] = next;
      isSame = false;
    }
    return isSame ? live : merged;
  }
  if (Array.isArray(live) && Array.isArray(applied) && listTypeAt(path).type !== "Atomic") {
    const merged = mergeLists(live, applied, path);
    const isSame = merged.length === live.length && merged.every((item, index) => item === live[index]);
    return isSame ? live : merged;
  }
  return jsonEquals(live, applied) ? live : applied;
}

/**
 * The order of the merged list is the real one's (`visitListItems` of structured-merge-diff v6): applied
 * items in their own order, and every item that is only live where it comes up in the live list.
 */
function mergeLists(
  live: readonly unknown[],
  applied: readonly unknown[],
  path: FieldPath,
): readonly unknown[] {
  const byElement = (items: readonly unknown[]) =>
    new Map(items.map((item) => [itemElement(item, path), item]));
  const liveItems = byElement(live);
  const appliedItems = byElement(applied);
  const liveOrder = [...liveItems.keys()];
  const appliedOrder = [...appliedItems.keys()];
  const merged: unknown[] = [];
  for (let left = liveOrder.shift(); left !== undefined || appliedOrder.length > 0; ) {
    if (left !== undefined && !appliedItems.has(left)) {
      merged.push(liveItems.get(left));
      left = liveOrder.shift();
      continue;
    }
    const nextShared = appliedOrder.find((element) => liveItems.has(element));
    if (left !== undefined && left !== nextShared) {
      // Merged already, or to be merged at its place among the applied items.
      left = liveOrder.shift();
      continue;
    }
    const right = appliedOrder.shift();
    if (right === undefined) break;
    merged.push(merge(liveItems.get(right), appliedItems.get(right), [...path, ITEM]));
    if (left === right) left = liveOrder.shift();
  }
  return merged;
}

/**
 * Paths of the members of a set whose value is not the same in both objects. `leaves` are those of them with no
 * members below: an item of a keyed list is there or not, and what differs about it is told by its fields.
 */
export function changedMembers(
  set: FieldSet,
  before: unknown,
  after: unknown,
): { readonly all: readonly ElementPath[]; readonly leaves: readonly ElementPath[] } {
  const all: ElementPath[] = [];
  const leaves: ElementPath[] = [];
  const visit = (node: FieldSet, left: unknown, right: unknown, path: FieldPath, elements: ElementPath) => {
    const leftMember = memberReader(left, path);
    const rightMember = memberReader(right, path);
    for (const element in node) {
      const child = node[element];
      if (child === undefined || element === SELF) continue;
      const [former, next] = [leftMember(element), rightMember(element)];
      if (former === next) continue;
      const isLeaf = !hasChildren(child);
      const childElements = [...elements, element];
      if (isMember(child) && !jsonEquals(former, next)) {
        all.push(childElements);
        if (isLeaf) leaves.push(childElements);
      }
      const step = element.startsWith("f:") ? element.slice(2) : ITEM;
      if (!isLeaf) visit(child, former, next, [...path, step], childElements);
    }
  };
  visit(set, before, after, [], []);
  return { all, leaves };
}

/** Reads members of a value by their element. The items of a list are named once for all of them. */
function memberReader(value: unknown, path: FieldPath): (element: string) => unknown {
  if (isRecord(value)) return (element) => (element.startsWith("f:") ? value[element.slice(2)] : undefined);
  if (!Array.isArray(value)) return () => undefined;
  const items = new Map<string, unknown>(value.map((item: unknown) => [itemElement(item, path), item]));
  return (element) => items.get(element);
}

/**
 * The object without the value at a path of elements. Maps and lists that become empty by that go, too: a
 * manager owns what it wrote into them and not the empty rest.
 */
export function withoutElement(object: unknown, elements: ElementPath, path: FieldPath = []): unknown {
  const [element, ...rest] = elements;
  if (element === undefined) return undefined;
  if (element.startsWith("f:")) {
    const name = element.slice(2);
    if (!isRecord(object) || !(name in object)) return object;
    const { [name]: member, ...others } = object;
    const left = withoutElement(member, rest, [...path, name]);
    const result = left === undefined ? others : { ...object, [name]: left };
    return Object.keys(result).length === 0 ? undefined : result;
  }
  if (!Array.isArray(object)) return object;
  const items = object.flatMap((item: unknown) => {
    if (itemElement(item, path) !== element) return [item];
    const left = withoutElement(item, rest, [...path, ITEM]);
    return left === undefined ? [] : [left];
  });
  return items.length === 0 ? undefined : items;
}
