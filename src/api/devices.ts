/**
 * Devices that only one pod can hold at a time: extended resources, and whatever resource claims stand for.
 *
 * Read from a pool, and from a pod or a pod template as the API server has it, so that the two can be compared.
 */
import { asList, asRecord, valueAt } from "./json.ts";
import type { PoolSpec } from "./pool.ts";
import { wholeQuantity } from "./quantity.ts";

/** How many of each device, by name; more than none of each. */
export type Devices = Readonly<Record<string, number>>;

/** What claims ask for stands in other objects: each claim counts as one device of this name. */
const CLAIMS = "resourceClaims";

/** A name and how many of it, as somebody wrote it. */
type Amount = readonly [resource: string, text: unknown];

/** Adds up what several ask for. What is no amount is none: the API server stores no such thing. */
function sumOf(amounts: readonly Amount[]): Devices {
  const sums: Record<string, number> = {};
  for (const [resource, text] of amounts) {
    const amount = wholeQuantity(String(text)) ?? 0;
    if (amount > 0) sums[resource] = (sums[resource] ?? 0) + amount;
  }
  return sums;
}

function extendedResources(limits: Readonly<Record<string, unknown>> = {}): readonly Amount[] {
  return Object.entries(limits).filter(([resource]) => resource.includes("/"));
}

/** Names of the extended resources of which a pool asks for more than none. */
export function devicesOf(pool: PoolSpec): readonly string[] {
  return Object.keys(sumOf(extendedResources(pool.resources?.limits)));
}

/** All that a pod of the pool holds alone, claims included. */
export function heldByPoolPod({ resources, resourceClaims }: PoolSpec): Devices {
  return heldByPod({ containers: [{ resources }], resourceClaims });
}

/** The same of a pod that stands; takes the `spec` of a pod or of a pod template. */
export function heldByPod(spec: unknown): Devices {
  const limits = asList(valueAt(spec, "containers")).flatMap((container) =>
    extendedResources(asRecord(valueAt(container, "resources", "limits"))),
  );
  return sumOf([...limits, [CLAIMS, asList(valueAt(spec, "resourceClaims")).length]]);
}
