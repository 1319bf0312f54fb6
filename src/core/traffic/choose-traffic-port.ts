/**
 * Gives each ModelDeployment of a namespace a port of its own on the routers.
 *
 * A port is kept for life. Two decisions taken at the same time may choose the same port; the younger holder
 * then moves, so the choice settles without a lock.
 */
import { FIRST_TRAFFIC_PORT, LAST_TRAFFIC_PORT } from "../../api/traffic-plan.ts";
import type { Observation, PortHolder } from "../observation.ts";

type Claim = Pick<PortHolder, "creationTimestamp" | "uid">;

function isOlder(left: Claim, right: Claim): boolean {
  return left.creationTimestamp === right.creationTimestamp
    ? left.uid < right.uid
    : left.creationTimestamp < right.creationTimestamp;
}

/** The port of this ModelDeployment. Throws when every port of the namespace is taken. */
export function chooseTrafficPort(observation: Observation): number {
  const { metadata, status } = observation.deployment;
  const others = observation.portHolders.filter((holder) => holder.uid !== metadata.uid);
  const current = status.traffic?.port;
  const mustMove =
    current === undefined || others.some((holder) => holder.port === current && isOlder(holder, metadata));
  if (!mustMove) return current;
  const taken = new Set(others.map((holder) => holder.port));
  for (let port = FIRST_TRAFFIC_PORT; port <= LAST_TRAFFIC_PORT; port++) {
    if (!taken.has(port)) return port;
  }
  const count = LAST_TRAFFIC_PORT - FIRST_TRAFFIC_PORT + 1;
  throw new Error(`all ${count} traffic ports of namespace ${metadata.namespace} are taken`);
}
