/**
 * Whether a live object already is what an apply of the desired one would make it, so that a settled object
 * costs no request. Pure.
 *
 * What the live object has beside the desired fields is not looked at: the API server's defaults and other
 * managers' fields stand there. A field that is no longer desired is caught by a hash of the desired object
 * in an annotation. It must never say "applied" of a field that differs; saying "drifted" too often only
 * costs a request.
 */
import { createHash } from "node:crypto";
import { canonicalJson } from "../api/content-hash.ts";
import { isRecord } from "../api/json.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { API_GROUP } from "../api/names.ts";
import { type FieldPath, ITEM, listKeyOf, listTypeAt, mapIsAtomicAt } from "./merge-types.ts";
import { quantitiesAreEqual } from "./quantity.ts";

/** Annotation with the hash of the object as it was last applied. */
export const APPLIED_ANNOTATION = `${API_GROUP}/applied`;

/** Fields that hold a quantity, and maps whose members are quantities. */
const QUANTITY_FIELDS = new Set(["sizeLimit", "divisor"]);
const QUANTITY_MAPS = new Set(["limits", "requests", "capacity", "overhead"]);

/** The object with the annotation by which {@link isApplied} knows it again. Apply this one. */
export function withApplyHash<Desired extends KubeObject>(desired: Desired): Desired {
  const hash = createHash("sha256").update(canonicalJson(desired)).digest("hex").slice(0, 32);
  const annotations = { ...desired.metadata.annotations, [APPLIED_ANNOTATION]: hash };
  return { ...desired, metadata: { ...desired.metadata, annotations } };
}

/** Whether an apply of `desired` (from {@link withApplyHash}) would leave `live` as it is. */
export function isApplied(desired: KubeObject, live: KubeObject): boolean {
  return firstDrift(desired, live) === undefined;
}

/** Path of the first desired field that does not stand in the live object, for logs; undefined for none. */
export function firstDrift(desired: KubeObject, live: KubeObject): string | undefined {
  return driftOf(desired, live, [])?.join(".");
}

/** Path of the first difference, or undefined. */
function driftOf(desired: unknown, live: unknown, path: FieldPath): FieldPath | undefined {
  if (desired === undefined) return undefined;
  // The API server does not store empty lists and maps of most fields.
  if (live === undefined || live === null) return isEmpty(desired) ? undefined : path;
  if (Array.isArray(desired)) return Array.isArray(live) ? driftOfList(desired, live, path) : path;
  if (isRecord(desired)) return isRecord(live) ? driftOfMap(desired, live, path) : path;
  return desired === live || areEqualQuantities(desired, live, path) ? undefined : path;
}

function driftOfMap(
  desired: Readonly<Record<string, unknown>>,
  live: Readonly<Record<string, unknown>>,
  path: FieldPath,
): FieldPath | undefined {
  if (mapIsAtomicAt(path)) {
    const surplus = Object.keys(live).find((name) => desired[name] === undefined);
    if (surplus !== undefined) return [...path, surplus];
  }
  for (const [name, value] of Object.entries(desired)) {
    const drift = driftOf(value, live[name], [...path, name]);
    if (drift !== undefined) return drift;
  }
  return undefined;
}

function driftOfList(
  desired: readonly unknown[],
  live: readonly unknown[],
  path: FieldPath,
): FieldPath | undefined {
  const type = listTypeAt(path);
  if (type.type === "Atomic" && desired.length !== live.length) return path;
  const liveByKey = new Map<string, unknown>();
  if (type.type === "Map") {
    for (const item of live) liveByKey.set(JSON.stringify(listKeyOf(item, type.keys)), item);
  }
  for (const [index, item] of desired.entries()) {
    const itemPath = [...path, ITEM];
    if (type.type === "Set") {
      if (!live.includes(item)) return itemPath;
      continue;
    }
    const key = type.type === "Map" ? listKeyOf(item, type.keys) : undefined;
    const counterpart = key === undefined ? live[index] : liveByKey.get(JSON.stringify(key));
    if (counterpart === undefined) return itemPath;
    const drift = driftOf(item, counterpart, itemPath);
    if (drift !== undefined) return drift;
  }
  return undefined;
}

function areEqualQuantities(desired: unknown, live: unknown, path: FieldPath): boolean {
  const isQuantity = QUANTITY_FIELDS.has(path.at(-1) ?? "") || QUANTITY_MAPS.has(path.at(-2) ?? "");
  return isQuantity && quantitiesAreEqual(String(desired), String(live));
}

function isEmpty(value: unknown): boolean {
  return (Array.isArray(value) && value.length === 0) || (isRecord(value) && Object.keys(value).length === 0);
}
