/**
 * Which epoch of the traffic plan is in effect.
 */
import type { Observation } from "../observation.ts";

/**
 * The oldest epoch that a live router has acknowledged: every request is answered by this plan or a newer one.
 * 0 when no router is live.
 */
export function acknowledgedEpoch(observation: Observation): number {
  const live = observation.routers.filter((router) => router.isLive);
  return live.length === 0 ? 0 : Math.min(...live.map((router) => router.acknowledgedEpoch));
}
