/**
 * One replica alone: nothing can take over from it.
 */
import { isAutoscaled, leastReplicas } from "../../../api/autoscaling.ts";
import type { Lint } from "./lint.ts";

/** The lint `no-failover`. */
export const noFailover: Lint = {
  name: "no-failover",
  find(spec) {
    const { pools } = spec;
    const replicas = leastReplicas(spec);
    const total = pools.reduce(
      (sum, pool, index) => sum + (index === 0 ? replicas : (pool.replicas ?? 0)),
      0,
    );
    if (total !== 1) return [];
    return [
      {
        path: isAutoscaled(spec) ? ["spec", "autoscaling", "minReplicas"] : ["spec", "replicas"],
        message: "a single replica serves: the loss of its pod, and the drain of its node, is an outage",
        remedy: "ask for two replicas, or add a pool behind it",
      },
    ];
  },
};
