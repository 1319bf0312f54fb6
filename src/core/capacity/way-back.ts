/**
 * Replicas on the way back from a holdback: how room for the old revision comes about where no device is free. Pure.
 *
 * The new one gives up what the old one carries by now. Where a pod of the old one still finds no room, it gives up one more,
 * which that pod takes: so the two together lack one replica at most, as when pods that hold all devices are replaced one by
 * one. It must never give up a second one before the first was of use: what keeps a pod from a node may be another thing.
 */
import type { PoolSpec } from "../../api/pool.ts";
import { observedServers } from "../model-servers.ts";
import type { Observation, ObservedPod, ObservedRevision } from "../observation.ts";
import { podsOf, readyReplicas } from "../readiness.ts";
import { desiredReplicas, replicasForShare } from "./desired-replicas.ts";

/** Where the traffic goes back to, and from where. */
export interface WayBack {
  readonly stable: string;
  readonly candidate: ObservedRevision;
}

/** Replicas of the candidate in a pool, while it has this share of the traffic. */
export function replicasOnTheWayBack(
  observation: Observation,
  { stable, candidate }: WayBack,
  pool: PoolSpec,
  weight: number,
): number {
  const share = replicasForShare(observation.deployment.spec, pool, weight);
  if (!podsOf(observation, stable, pool.name).some(findsNoRoom)) return share;
  const standing = observedServers(observation, { revision: candidate, pool })?.replicas ?? share;
  const hasMadeRoom = standing < share;
  const isMakingRoom = podsWithEnding(observation, candidate.name, pool.name) > share;
  const isTakingRoom = podsOf(observation, stable, pool.name).some(
    (pod) => !pod.isReady && !findsNoRoom(pod),
  );
  return hasMadeRoom || !(isMakingRoom || isTakingRoom) ? Math.min(share, Math.max(1, share - 1)) : share;
}

/**
 * Whether in some pool of two replicas or more the last one of stable waits for the room that the last one of the candidate
 * has: there stable takes all the traffic with one replica fewer, and gets that afterwards.
 */
export function lacksRoomForLast(observation: Observation, stable: string, candidate: string): boolean {
  const { spec } = observation.deployment;
  return spec.pools.some((pool) => {
    const ready = readyReplicas(observation, stable, pool.name);
    const isLast = ready >= 1 && ready === desiredReplicas(spec, pool) - 1;
    const waits = podsOf(observation, stable, pool.name).some(findsNoRoom);
    return isLast && waits && podsWithEnding(observation, candidate, pool.name) <= 1;
  });
}

function findsNoRoom({ trouble }: ObservedPod): boolean {
  return trouble?.type === "Unschedulable";
}

/** What ends still has its room. */
function podsWithEnding({ pods }: Observation, revision: string, pool: string): number {
  return pods.filter((pod) => pod.revision === revision && pod.pool === pool).length;
}
