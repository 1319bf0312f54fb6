/**
 * Endpoints: which pods stand behind a cluster, pool by pool, and when traffic spills to the next pool.
 *
 * Pools are Envoy priorities. Envoy gives a priority the share
 * `overprovisioning_factor x healthy / listed` of the traffic (in per cent, at most 100) and the rest to the
 * next one. What is wanted is `100 x healthy / needed`: the part of the traffic that the healthy replicas can
 * carry. See {@link spillover} for how the one becomes the other.
 */
import type { PlannedPool } from "../../api/traffic-plan.ts";
import type { Protocol } from "./cluster.ts";
import type { JsonObject } from "./resource.ts";
import { TYPE_URL, type TypedMessage } from "./resource.ts";

/** A model server that may get traffic. */
export interface ModelServerEndpoint {
  readonly pod: string;
  readonly ip: string;
  readonly pool: string;
  readonly revision: string;
  /** Where requests reach it, if that is not where they reach all others. */
  readonly ports?: Readonly<Record<Protocol, number>>;
  /** Socket of the same machine, in the place of address and port. */
  readonly socketPath?: string;
}

/** Metadata namespace of what Petrel attaches to an endpoint. */
export const ENDPOINT_METADATA = "petrel.dev";

/** Largest factor: a pool with ten times the replicas that it needs spills no later than that. */
const MAXIMUM_FACTOR = 1_000;

/**
 * Places of a pool per listed replica, at most. It keeps the healthy share of a pool with few replicas far
 * above Envoy's panic threshold of 1 %.
 */
const MAXIMUM_PLACES_PER_REPLICA = 20;

/** How much of each pool's traffic stays in it. */
export interface Spillover {
  /** One for all priorities: Envoy has no other. At least 100. */
  readonly overprovisioningFactor: number;
  /** For each pool: places that no replica fills. They weigh like replicas that are never healthy. */
  readonly vacancies: readonly number[];
}

/**
 * Makes Envoy give each pool the part of the traffic that its healthy replicas can carry.
 *
 * The factor must fit the pool with the largest surplus, or losing a replica that is not needed would move
 * traffic. Every other pool gets vacant places, up to `factor / 100 x needed` in all, so that its own part is
 * right. A factor under 100 would serve for one pool alone: with 1 of 4 replicas left, a factor of 25 for both
 * pools gives the first one half of the traffic instead of a quarter.
 *
 * A pool that no listed pool follows has nowhere to spill to and needs nothing of this.
 */
export function spillover(pools: readonly { readonly listed: number; readonly needed: number }[]): Spillover {
  const last = pools.findLastIndex(({ listed }) => listed > 0);
  const spilling = pools.map(({ listed, needed }, index) =>
    index < last && listed > 0 ? { listed, needed: Math.max(1, needed) } : undefined,
  );
  const surplus = Math.max(1, ...spilling.map((pool) => (pool ? pool.listed / pool.needed : 1)));
  const overprovisioningFactor = Math.min(MAXIMUM_FACTOR, Math.ceil(surplus * 100));
  const vacancies = spilling.map((pool) => {
    if (pool === undefined) return 0;
    const places = Math.floor((overprovisioningFactor / 100) * pool.needed);
    return Math.max(0, Math.min(places, pool.listed * MAXIMUM_PLACES_PER_REPLICA) - pool.listed);
  });
  return { overprovisioningFactor, vacancies };
}

/** Renders the endpoints of one cluster: the pools in their order, each with its pods sorted by name. */
export function renderEndpoints(
  cluster: string,
  pools: readonly PlannedPool[],
  candidates: readonly ModelServerEndpoint[],
  portOf: (endpoint: ModelServerEndpoint) => number,
): TypedMessage {
  const listed = pools.map(({ pool, revision }) =>
    candidates
      .filter((endpoint) => endpoint.pool === pool && endpoint.revision === revision)
      .sort((left, right) => (left.pod < right.pod ? -1 : 1)),
  );
  const { overprovisioningFactor, vacancies } = spillover(
    pools.map(({ replicas }, index) => ({ listed: listed[index]?.length ?? 0, needed: replicas })),
  );
  return {
    "@type": TYPE_URL.endpoints,
    cluster_name: cluster,
    endpoints: pools.map((_pool, priority) => {
      const vacantPlaces = vacancies[priority] ?? 0;
      return {
        priority,
        lb_endpoints: [
          ...(listed[priority] ?? []).map((endpoint) => renderEndpoint(endpoint, priority, portOf(endpoint))),
          ...(vacantPlaces > 0 ? [renderVacancy(priority, vacantPlaces)] : []),
        ],
      };
    }),
    policy: { overprovisioning_factor: overprovisioningFactor, weighted_priority_health: true },
  };
}

function renderEndpoint(
  { pod, ip, pool, revision, socketPath }: ModelServerEndpoint,
  priority: number,
  port: number,
): JsonObject {
  return {
    endpoint: {
      hostname: pod,
      address:
        socketPath === undefined
          ? { socket_address: { address: ip, port_value: port } }
          : { pipe: { path: socketPath } },
    },
    load_balancing_weight: 1,
    metadata: { filter_metadata: { [ENDPOINT_METADATA]: { pool, revision, priority: String(priority) } } },
  };
}

/**
 * Stands for all vacant places of a pool. It is never healthy and never asked. Only when no host of any pool
 * is healthy does Envoy try it; the loopback port 1 then refuses at once, and the retry goes elsewhere.
 */
function renderVacancy(priority: number, places: number): JsonObject {
  return {
    endpoint: {
      address: { socket_address: { address: `127.0.0.${priority + 1}`, port_value: 1 } },
      health_check_config: { disable_active_health_check: true },
    },
    health_status: "UNHEALTHY",
    load_balancing_weight: places,
  };
}
