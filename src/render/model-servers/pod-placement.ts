/**
 * Where the pods of a pool go, and how they are replaced.
 */
import type { PoolSpec } from "../../api/pool.ts";

/** How a pod gives way to one of another template: its successor starts before it goes, or in its place. */
export type Replacement = "BeforeItGoes" | "InItsPlace";

/** The strategy of a Deployment whose pods are replaced so. */
export function updateStrategy(replacement: Replacement) {
  const rollingUpdate =
    replacement === "InItsPlace" ? { maxSurge: 0, maxUnavailable: 1 } : { maxSurge: 1, maxUnavailable: 0 };
  return { type: "RollingUpdate", rollingUpdate };
}

/** Fields of a pod that say which nodes it may run on, and how, as the pool has them. */
export function poolPlacement(pool: PoolSpec) {
  const { nodeSelector, tolerations, runtimeClassName, priorityClassName, resourceClaims } = pool;
  return {
    ...(runtimeClassName === undefined ? {} : { runtimeClassName }),
    ...(priorityClassName === undefined ? {} : { priorityClassName }),
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
    ...(tolerations === undefined ? {} : { tolerations }),
    ...(resourceClaims === undefined ? {} : { resourceClaims }),
  };
}
