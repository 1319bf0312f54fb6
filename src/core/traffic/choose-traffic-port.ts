/**
 * Gives each ModelDeployment of a namespace a port of its own on the routers.
 *
 * A port is kept for life. The search for one begins at a place that follows from the uid, so that ModelDeployments
 * that are made at the same time, which do not see each other's choice yet, seldom choose the same; nor does a new
 * one get the port that Envoy is still giving up for one just deleted. Where two do meet, the younger holder moves,
 * so the choice settles without a lock.
 */
import { contentNumber } from "../../api/content-hash.ts";
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
  const count = LAST_TRAFFIC_PORT - FIRST_TRAFFIC_PORT + 1;
  const start = contentNumber(metadata.uid, count);
  for (let step = 0; step < count; step++) {
    const port = FIRST_TRAFFIC_PORT + ((start + step) % count);
    if (!taken.has(port)) return port;
  }
  throw new Error(`all ${count} traffic ports of namespace ${metadata.namespace} are taken`);
}
