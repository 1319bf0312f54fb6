/**
 * How many replicas the spec asks for in a pool.
 */
import type { ModelDeploymentSpec, PoolSpec } from "../../api/model-deployment-spec.ts";

/** The first pool takes `spec.replicas`; every other pool states its own (a rule of the schema). */
export function desiredReplicas(spec: ModelDeploymentSpec, pool: PoolSpec): number {
  return spec.pools[0]?.name === pool.name ? spec.replicas : (pool.replicas ?? 0);
}
