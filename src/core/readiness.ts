/**
 * Counts over pods that several planners share: who is ready, who is in trouble.
 */
import { FULL_WEIGHT } from "../api/traffic-plan.ts";
import { desiredReplicas, replicasForWeight } from "./capacity/desired-replicas.ts";
import type { Observation, ObservedPod, ObservedRevision, PodTrouble } from "./observation.ts";

/** Pods of one revision in one pool that are not terminating. */
export function podsOf(observation: Observation, revision: string, pool: string): readonly ObservedPod[] {
  return observation.pods.filter(
    (pod) => pod.revision === revision && pod.pool === pool && !pod.isTerminating,
  );
}

/** Number of ready pods of one revision in one pool. */
export function readyReplicas(observation: Observation, revision: string, pool: string): number {
  return podsOf(observation, revision, pool).filter((pod) => pod.isReady).length;
}

/** Whether a revision has all the ready replicas that the spec asks for, in every pool. */
export function everyReplicaIsReady(observation: Observation, revision: ObservedRevision): boolean {
  const { spec } = observation.deployment;
  return spec.pools.every(
    (pool) => readyReplicas(observation, revision.name, pool.name) >= desiredReplicas(spec, pool),
  );
}

/** Whether a candidate has the ready replicas, in every pool, that carry a share of the traffic. */
export function carriesWeight(observation: Observation, revision: string, weight: number): boolean {
  const { spec } = observation.deployment;
  return spec.pools.every(
    (pool) => readyReplicas(observation, revision, pool.name) >= replicasForWeight(spec, pool, weight),
  );
}

/**
 * Share of the traffic that the ready replicas of a revision carry, in parts of {@link FULL_WEIGHT}: each pool is sized to
 * carry all of it, and one takes over what another one lacks. Rounded up, so that what is left for others is carried by
 * the replicas that are left for them.
 */
export function carriedWeight(observation: Observation, revision: string): number {
  const { spec } = observation.deployment;
  const pools = spec.pools.filter((pool) => desiredReplicas(spec, pool) > 0);
  if (pools.length === 0) return FULL_WEIGHT;
  const carried = pools.reduce((sum, pool) => {
    const ready = readyReplicas(observation, revision, pool.name);
    return sum + Math.ceil((FULL_WEIGHT * ready) / desiredReplicas(spec, pool));
  }, 0);
  return Math.min(FULL_WEIGHT, carried);
}

/** The worst kind of trouble among pods, and how many pods have it. */
export interface TroubleSummary {
  readonly type: PodTrouble["type"];
  /** In the words of who reported it. */
  readonly message: string;
  readonly podCount: number;
}

/** What people must act on comes first: a model that cannot work will not work on more nodes either. */
const TROUBLE_BY_URGENCY = [
  "FetchFailed",
  "ExecutionProviderMissing",
  "ModelNotLoaded",
  "Unschedulable",
  "ContainerWaiting",
] as const;

/** The most urgent trouble of a set of pods, or undefined when none has any. */
export function mostUrgentTrouble(pods: readonly ObservedPod[]): TroubleSummary | undefined {
  for (const type of TROUBLE_BY_URGENCY) {
    const messages = pods.flatMap((pod) => (pod.trouble?.type === type ? [pod.trouble.message] : []));
    // Pods of one pool differ little in their words; the smallest text keeps the choice stable between looks.
    const message = messages.toSorted()[0];
    if (message !== undefined) return { type, message, podCount: messages.length };
  }
  return undefined;
}
