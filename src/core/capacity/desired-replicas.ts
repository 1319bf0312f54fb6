/**
 * How many replicas the spec asks for in a pool, and how many of them a share of the traffic needs.
 */
import type { ModelDeploymentSpec } from "../../api/model-deployment-spec.ts";
import type { PoolSpec } from "../../api/pool.ts";
import { FULL_WEIGHT } from "../../api/traffic-plan.ts";

/** A candidate has as many replicas at least, if the spec asks for as many: one alone would be a single point of failure. */
const FEWEST_CANDIDATE_REPLICAS = 2;

/** The first pool takes `spec.replicas`; every other pool states its own (a rule of the schema). */
export function desiredReplicas(spec: ModelDeploymentSpec, pool: PoolSpec): number {
  return spec.pools[0]?.name === pool.name ? spec.replicas : (pool.replicas ?? 0);
}

/** Replicas in a pool that carry a share of the traffic beside another revision that carries the rest: one at least. */
export function replicasForShare(spec: ModelDeploymentSpec, pool: PoolSpec, weight: number): number {
  const all = desiredReplicas(spec, pool);
  return weight === 0 ? 0 : Math.min(all, Math.max(1, Math.ceil((weight * all) / FULL_WEIGHT)));
}

/** Replicas of a candidate in a pool that carry its share of the traffic, in parts of {@link FULL_WEIGHT}; none for none. */
export function replicasForWeight(spec: ModelDeploymentSpec, pool: PoolSpec, weight: number): number {
  if (weight === 0) return 0;
  const all = desiredReplicas(spec, pool);
  const share = Math.ceil((weight * all) / FULL_WEIGHT);
  return Math.min(all, Math.max(FEWEST_CANDIDATE_REPLICAS, share));
}
