/**
 * What computes the model of a pool: stated, or told by the devices that the pool asks for.
 *
 * It is decided here and not in the schema: a default of the schema would stand in every stored model revision
 * and so change its name.
 */
import { devicesOf } from "./devices.ts";
import type { PoolSpec } from "./pool.ts";
import type { ExecutionProvider, RuntimeSpec } from "./runtime.ts";

/** NVIDIA's device plugin offers whole GPUs, shared ones (`nvidia.com/gpu.shared`) and slices of them (MIG). */
const GPU_RESOURCE = /^nvidia\.com\/(gpu($|\.)|mig-)/;

/** Whether a pool asks for a GPU. What a resource claim asks for stands elsewhere; it counts as one. */
export function asksForGpu(pool: PoolSpec): boolean {
  return (
    (pool.resourceClaims ?? []).length > 0 || devicesOf(pool).some((resource) => GPU_RESOURCE.test(resource))
  );
}

/** What computes the model in a pool. */
export function executionProviderOf(runtime: RuntimeSpec, pool: PoolSpec): ExecutionProvider {
  return runtime.executionProvider ?? (asksForGpu(pool) ? "CUDA" : "CPU");
}
