/**
 * Finds the Deployment that stands for what a plan speaks of.
 */
import type { PlannedModelServers } from "./capacity/plan-capacity.ts";
import type { Observation, ObservedModelServers } from "./observation.ts";

/** The Deployment of these model servers, if it stands. */
export function observedServers(
  observation: Observation,
  { revision, pool }: Pick<PlannedModelServers, "revision" | "pool">,
): ObservedModelServers | undefined {
  return observation.modelServers.find(
    (servers) => servers.revision === revision.name && servers.pool === pool.name,
  );
}
