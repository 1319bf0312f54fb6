/**
 * A model that is expected to be larger than the disk that is reserved for it: a full node evicts such pods first.
 */
import type { FetchSpec } from "../../../api/fetch.ts";
import type { PoolSpec } from "../../../api/pool.ts";
import { wholeQuantity } from "../../../api/quantity.ts";
import { DEFAULT_REQUESTS } from "../../../render/model-servers/container-resources.ts";
import type { Lint } from "./lint.ts";

const RESOURCE = "ephemeral-storage";

function reservedFor(pool: PoolSpec): string {
  const { requests, limits } = pool.resources ?? {};
  return String(requests?.[RESOURCE] ?? limits?.[RESOURCE] ?? DEFAULT_REQUESTS[RESOURCE]);
}

/** Bytes that the scheduler sets aside for a pod: the most that one of its containers asks for. */
function reservedBytes(pool: PoolSpec, fetch: FetchSpec): number {
  return Math.max(wholeQuantity(reservedFor(pool)) ?? 0, wholeQuantity(fetch.ephemeralStorage ?? "0") ?? 0);
}

/** The lint `little-ephemeral-storage`. */
export const littleEphemeralStorage: Lint = {
  name: "little-ephemeral-storage",
  find({ fetch, pools }) {
    const maxSize = fetch?.maxSize;
    if (fetch === undefined || maxSize === undefined || fetch.ephemeralStorage !== undefined) return [];
    const size = wholeQuantity(maxSize) ?? 0;
    return pools.flatMap((pool, index) =>
      reservedBytes(pool, fetch) < size
        ? [
            {
              path: ["spec", "pools", index],
              message: `models of up to ${maxSize} are fetched, and pool ${pool.name} reserves ${reservedFor(pool)} of disk`,
              remedy: "state the size of the model in spec.fetch.ephemeralStorage",
            },
          ]
        : [],
    );
  },
};
