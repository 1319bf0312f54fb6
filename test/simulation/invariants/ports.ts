/**
 * Ports of the routers are shared by a namespace, and each belongs to one ModelDeployment.
 */
import { storedPlan } from "../plan-history.ts";
import type { RestInvariant } from "./invariant.ts";

/** No two ModelDeployments of a namespace keep the same port. */
export const ports: RestInvariant = {
  name: "every ModelDeployment of a namespace has a port of its own",
  problems({ world }) {
    const holders = new Map<string, string>();
    return world.objects("ModelDeployment").flatMap((deployment) => {
      const { namespace, name } = deployment.metadata;
      const port = storedPlan(deployment)?.port;
      if (port === undefined) return [];
      const place = `${namespace}:${port}`;
      const other = holders.get(place);
      holders.set(place, name);
      return other === undefined ? [] : [`${place} is held by ${other} and by ${name}`];
    });
  },
};
