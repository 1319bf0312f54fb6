/**
 * Takes from a plan what makes failover, to show that a loss is felt without it.
 */
import { resourceFile, TYPE_URL, type TypedMessage } from "../../src/render/envoy/resource.ts";
import type { PlannedTraffic } from "../../src/router/progress.ts";

/** The plan without retries, checks and ejection: what Envoy does by itself. */
export function withoutFailover(planned: PlannedTraffic): PlannedTraffic {
  const { configuration } = planned;
  const strip = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(strip);
    if (typeof value !== "object" || value === null) return value;
    const kept = Object.entries(value).filter(
      ([name]) => !["retry_policy", "health_checks", "outlier_detection"].includes(name),
    );
    return Object.fromEntries(kept.map(([name, field]) => [name, strip(field)]));
  };
  const routes = JSON.parse(configuration.routes.content).resources.map(strip);
  return {
    ...planned,
    configuration: {
      ...configuration,
      routes: resourceFile(routes, planned.plan.epoch),
      clusters: configuration.clusters.map((cluster) => ({
        ...cluster,
        resource: { ...(strip(cluster.resource) as object), "@type": TYPE_URL.cluster } as TypedMessage,
      })),
    },
  };
}
