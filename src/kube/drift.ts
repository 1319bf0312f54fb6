/**
 * Whether a live object already is what an apply of the desired one would make it, so that a settled object
 * costs no request.
 *
 * What the live object has beside the desired fields is not looked at: the API server's defaults and other
 * managers' fields stand there. A field that is no longer desired is caught by a hash of the desired object
 * in an annotation. It must never say "applied" of a field that differs; saying "drifted" too often only
 * costs a request.
 *
 * Pure but for what it remembers between two looks, which saves work and changes no answer.
 */
import { hash as digest } from "node:crypto";
import { canonicalJson } from "../api/content-hash.ts";
import { isRecord } from "../api/json.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { API_GROUP } from "../api/names.ts";
import { quantitiesAreEqual } from "../api/quantity.ts";
import {
  type FieldPath,
  haveEqualKeys,
  ITEM,
  type ListKey,
  listTypeAt,
  mapIsAtomicAt,
} from "./merge-types.ts";

/** Annotation with the hash of the object as it was last applied. */
export const APPLIED_ANNOTATION = `${API_GROUP}/applied`;

/** Fields that hold a quantity, and maps whose members are quantities. */
const QUANTITY_FIELDS = new Set(["sizeLimit", "divisor"]);
const QUANTITY_MAPS = new Set(["limits", "requests", "capacity", "overhead", "target"]);

/** The object with the annotation by which {@link isApplied} knows it again. Apply this one. */
export function withApplyHash<Desired extends KubeObject>(desired: Desired): Desired {
  const hash = digest("sha256", canonicalJson(withoutReplicas(desired)), "hex").slice(0, 32);
  const annotations = { ...desired.metadata.annotations, [APPLIED_ANNOTATION]: hash };
  return { ...desired, metadata: { ...desired.metadata, annotations } };
}

/** Replicas have a manager of their own, who takes them over: that they are no longer desired removes nothing. */
function withoutReplicas(desired: KubeObject): KubeObject {
  const { spec } = desired;
  if (!isRecord(spec) || spec["replicas"] === undefined) return desired;
  const { replicas: _replicas, ...rest } = spec;
  return { ...desired, spec: rest };
}

/** Whether an apply of `desired` (from {@link withApplyHash}) would leave `live` as it is. */
export function isApplied(desired: KubeObject, live: KubeObject): boolean {
  return firstDrift(desired, live) === undefined;
}

/** By live object: a digest of what was found applied to it. Never of what was not: that is to be said in a log. */
const foundApplied = new WeakMap<KubeObject, string>();

/**
 * Whether an apply of an object, without the annotation of {@link withApplyHash}, would leave `live` as it is. What was
 * found so is remembered with the live object, which must not change: most looks find what the last one has found, and
 * to compare and to hash all of it again is most of what a look costs.
 */
export function standsAs(object: KubeObject, live: KubeObject): boolean {
  const seen = digestOf(object);
  if (foundApplied.get(live) === seen) return true;
  const isSo = isApplied(withApplyHash(object), live);
  if (isSo) foundApplied.set(live, seen);
  return isSo;
}

/** By pod template: its digest. It is most of a Deployment, and the same value at each look for as long as it is kept. */
const templateDigests = new WeakMap<object, string>();

/** A digest of an object; its pod template, if it has one, is told by a digest of its own. It must not change. */
function digestOf(object: KubeObject): string {
  const { spec } = object;
  const template = isRecord(spec) ? spec["template"] : undefined;
  if (!isRecord(spec) || !isRecord(template)) return textDigest(object);
  let known = templateDigests.get(template);
  if (known === undefined) {
    known = textDigest(template);
    templateDigests.set(template, known);
  }
  return textDigest({ ...object, spec: { ...spec, template: known } });
}

function textDigest(value: object): string {
  return digest("sha256", JSON.stringify(value), "base64");
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
    // Most fields are equal values: a path for each of them would cost more than all the comparing.
    if (value === live[name]) continue;
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
  const itemPath = [...path, ITEM];
  for (const [index, item] of desired.entries()) {
    if (type.type === "Set") {
      if (!live.includes(item)) return itemPath;
      continue;
    }
    const counterpart = type.type === "Map" ? counterpartOf(item, index, live, type.keys) : live[index];
    if (counterpart === undefined) return itemPath;
    const drift = driftOf(item, counterpart, itemPath);
    if (drift !== undefined) return drift;
  }
  return undefined;
}

/** The item of the same key, which stands at the same place most of the time. */
function counterpartOf(
  item: unknown,
  index: number,
  live: readonly unknown[],
  keys: readonly ListKey[],
): unknown {
  const candidate = live[index];
  return haveEqualKeys(item, candidate, keys)
    ? candidate
    : live.find((other) => haveEqualKeys(item, other, keys));
}

function areEqualQuantities(desired: unknown, live: unknown, path: FieldPath): boolean {
  const isQuantity = QUANTITY_FIELDS.has(path.at(-1) ?? "") || QUANTITY_MAPS.has(path.at(-2) ?? "");
  return isQuantity && quantitiesAreEqual(String(desired), String(live));
}

function isEmpty(value: unknown): boolean {
  return (Array.isArray(value) && value.length === 0) || (isRecord(value) && Object.keys(value).length === 0);
}
