/**
 * Merging of objects as server-side apply does it: maps by field, keyed lists by item, everything else as one
 * value. Pure; objects are never changed in place.
 *
 * Source: KEP-555 and sigs.k8s.io/structured-merge-diff, as far as the contract suite compares it with the
 * real one.
 */

import { isRecord } from "../../src/api/json.ts";
import { type FieldPath, ITEM, listTypeAt, mapIsAtomicAt } from "../../src/kube/merge-types.ts";
import { type ElementPath, itemElement } from "./field-set.ts";

/** `live` with everything that `applied` says in it. */
export function merge(live: unknown, applied: unknown, path: FieldPath = []): unknown {
  if (applied === undefined) return live;
  if (isRecord(live) && isRecord(applied) && !mapIsAtomicAt(path)) {
    const merged: Record<string, unknown> = { ...live };
    for (const [name, value] of Object.entries(applied)) {
      merged[name] = merge(live[name], value, [...path, name]);
    }
    return merged;
  }
  if (Array.isArray(live) && Array.isArray(applied) && listTypeAt(path).type !== "Atomic") {
    return mergeLists(live, applied, path);
  }
  return applied;
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

/** The value at a path of elements; undefined when there is none. */
export function valueAtElement(object: unknown, elements: ElementPath, path: FieldPath = []): unknown {
  const [element, ...rest] = elements;
  if (element === undefined) return object;
  if (element.startsWith("f:")) {
    const name = element.slice(2);
    return isRecord(object) ? valueAtElement(object[name], rest, [...path, name]) : undefined;
  }
  if (!Array.isArray(object)) return undefined;
  const item: unknown = object.find((candidate) => itemElement(candidate, path) === element);
  return valueAtElement(item, rest, [...path, ITEM]);
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

/**
 * Whether two JSON values are equal, whatever the order of their fields. An absent field is as good as
 * undefined.
 */
export function jsonEquals(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((item, index) => jsonEquals(item, right[index]));
  }
  if (!isRecord(left) || !isRecord(right)) return false;
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  for (const name of names) {
    if (!jsonEquals(left[name], right[name])) return false;
  }
  return true;
}
