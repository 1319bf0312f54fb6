/**
 * Which lists of the Kubernetes API are maps by a key, which are sets, and which lists and maps are one value
 * as a whole, as far as Petrel writes them: `x-kubernetes-list-type` and `x-kubernetes-map-type` of the API's
 * own OpenAPI schemas (Kubernetes 1.35) and of Petrel's CRDs.
 *
 * A list that is not named here is one value and a map that is not named here merges by field: the API's
 * defaults.
 */

import { isRecord } from "../api/json.ts";

/** How the items of a list are told apart. */
export type ListType =
  | { readonly type: "Map"; readonly keys: readonly ListKey[] }
  | { readonly type: "Set" }
  | { readonly type: "Atomic" };

/** A field that tells items apart. */
export interface ListKey {
  readonly name: string;
  /** Taken for an absent field, as the schema's default. */
  readonly default?: string;
}

/** The way to a value: field names from the object down, with {@link ITEM} for an item of a list. */
export type FieldPath = readonly string[];

/** Stands in a {@link FieldPath} for any item of a list. */
export const ITEM = "[]";

function byKey(...keys: readonly (string | ListKey)[]): ListType {
  return { type: "Map", keys: keys.map((key) => (typeof key === "string" ? { name: key } : key)) };
}

const PROTOCOL: ListKey = { name: "protocol", default: "TCP" };
const BY_NAME = byKey("name");

const CONTAINER_LISTS = {
  ports: byKey("containerPort", PROTOCOL),
  env: BY_NAME,
  volumeMounts: byKey("mountPath"),
  volumeDevices: byKey("devicePath"),
};

/** List types by parent and name. In a pod template, `spec` is the parent as it is in a Pod. */
const LIST_TYPES: Readonly<Record<string, Readonly<Record<string, ListType>>>> = {
  metadata: { ownerReferences: byKey("uid"), finalizers: { type: "Set" } },
  status: { conditions: byKey("type") },
  spec: {
    containers: BY_NAME,
    initContainers: BY_NAME,
    ephemeralContainers: BY_NAME,
    volumes: BY_NAME,
    imagePullSecrets: BY_NAME,
    resourceClaims: BY_NAME,
    schedulingGates: BY_NAME,
    hostAliases: byKey("ip"),
    topologySpreadConstraints: byKey("topologyKey", "whenUnsatisfiable"),
    // Service. The ports of an EndpointSlice stand at its top, and are one value.
    ports: byKey("port", PROTOCOL),
  },
  "containers[]": CONTAINER_LISTS,
  "initContainers[]": CONTAINER_LISTS,
  resources: { claims: BY_NAME },
};

/** Maps that are one value, by parent and name. */
const ATOMIC_MAPS = new Set([
  "spec.selector",
  "spec.nodeSelector",
  "spec.podSelector",
  "podSelector.matchLabels",
  ".roleRef",
]);

/** {@link LIST_TYPES} by `PARENT.NAME`. */
const LIST_TYPE_OF = new Map(
  Object.entries(LIST_TYPES).flatMap(([parent, lists]) =>
    Object.entries(lists).map(([name, type]): [string, ListType] => [`${parent}.${name}`, type]),
  ),
);

const ATOMIC: ListType = { type: "Atomic" };

/** Last names of the paths above. Most fields have another one, and need no further look. */
const LIST_NAMES = new Set(Object.values(LIST_TYPES).flatMap((lists) => Object.keys(lists)));
const ATOMIC_MAP_NAMES = new Set([...ATOMIC_MAPS].map((path) => path.slice(path.indexOf(".") + 1)));

/** Type of the list at a path. */
export function listTypeAt(path: FieldPath): ListType {
  if (!LIST_NAMES.has(path.at(-1) ?? "")) return ATOMIC;
  return LIST_TYPE_OF.get(endOf(path)) ?? ATOMIC;
}

/** Whether the map at a path is one value. */
export function mapIsAtomicAt(path: FieldPath): boolean {
  return ATOMIC_MAP_NAMES.has(path.at(-1) ?? "") && ATOMIC_MAPS.has(endOf(path));
}

/** Whether two items are told apart by nothing: both have every key, with equal values. */
export function haveEqualKeys(left: unknown, right: unknown, keys: readonly ListKey[]): boolean {
  if (!isRecord(left) || !isRecord(right)) return false;
  return keys.every(({ name, default: otherwise }) => {
    const value = left[name] ?? otherwise;
    return value !== undefined && value === (right[name] ?? otherwise);
  });
}

/**
 * The values that tell an item apart, in the order of the keys, which is the alphabetical one. Undefined when
 * the item is no object or lacks one of them.
 */
export function listKeyOf(
  item: unknown,
  keys: readonly ListKey[],
): Readonly<Record<string, unknown>> | undefined {
  if (!isRecord(item)) return undefined;
  const values: Record<string, unknown> = {};
  for (const key of keys) {
    const value = item[key.name] ?? key.default;
    if (value === undefined) return undefined;
    values[key.name] = value;
  }
  return values;
}

function endOf(path: FieldPath): string {
  const parent = path.at(-2) ?? "";
  const owner = parent === ITEM ? `${path.at(-3) ?? ""}${ITEM}` : parent;
  return `${owner}.${path.at(-1) ?? ""}`;
}
