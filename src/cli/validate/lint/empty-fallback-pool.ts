/**
 * A pool behind the first one without replicas: it looks like a fallback, and is none.
 */
import { leastReplicas } from "../../../api/autoscaling.ts";
import type { Lint } from "./lint.ts";

/** The lint `empty-fallback-pool`. */
export const emptyFallbackPool: Lint = {
  name: "empty-fallback-pool",
  find(spec) {
    const { pools } = spec;
    // Scaled to zero as a whole, nothing is expected of it.
    if (leastReplicas(spec) === 0) return [];
    return pools.flatMap((pool, index) =>
      index > 0 && pool.replicas === 0
        ? [
            {
              path: ["spec", "pools", index, "replicas"],
              message: `pool ${pool.name} has no replicas, so it takes over from nobody`,
              remedy: "give it the replicas that carry the traffic alone, or remove the pool",
            },
          ]
        : [],
    );
  },
};
