/**
 * Planner `traffic`: the one place that says who gets requests.
 *
 * A candidate gets traffic only once all its replicas are ready, and it has stable's pools behind it, so that
 * a candidate that breaks falls back to stable inside Envoy. It keeps the traffic while any replica of it is
 * ready; then stable takes everything back.
 */

import { canonicalJson } from "../../api/content-hash.ts";
import { formatDuration, parseDurationMilliseconds } from "../../api/duration.ts";
import type { ModelDeploymentSpec } from "../../api/model-deployment-spec.ts";
import type { PlannedPool, TrafficArm, TrafficPlan } from "../../api/traffic-plan.ts";
import { FULL_WEIGHT, MAX_POOLS_PER_ARM } from "../../api/traffic-plan.ts";
import type { CapacityPlan, PlannedModelServers } from "../capacity/plan-capacity.ts";
import type { Observation, ObservedRevision } from "../observation.ts";
import { readyReplicas } from "../readiness.ts";
import type { RevisionPlan } from "../revision/plan-revisions.ts";
import { chooseTrafficPort } from "./choose-traffic-port.ts";
import { candidateWithTraffic, planNamesRevision, reportedPools } from "./reported-plan.ts";

/** Longest time for one try when the spec does not say: a hanging server must leave time for two more tries. */
const MAX_DEFAULT_PER_TRY_TIMEOUT_MILLISECONDS = 500;

/** Time for one try: as the spec says, or a third of the whole, at most 500 ms. */
export function perTryTimeout(traffic: ModelDeploymentSpec["traffic"]): string {
  if (traffic.perTryTimeout !== undefined) return traffic.perTryTimeout;
  const third = Math.floor(parseDurationMilliseconds(traffic.timeout) / 3);
  return formatDuration(Math.max(1, Math.min(third, MAX_DEFAULT_PER_TRY_TIMEOUT_MILLISECONDS)));
}

function plannedPools(capacity: CapacityPlan, revision: ObservedRevision): readonly PlannedPool[] {
  return serversOf(capacity, revision)
    .filter((servers) => servers.replicas > 0)
    .map((servers) => ({ pool: servers.pool.name, revision: revision.name, replicas: servers.replicas }));
}

function serversOf(capacity: CapacityPlan, revision: ObservedRevision): readonly PlannedModelServers[] {
  return capacity.modelServers.filter((servers) => servers.revision.name === revision.name);
}

function everyReplicaIsReady(
  observation: Observation,
  capacity: CapacityPlan,
  revision: ObservedRevision,
): boolean {
  return serversOf(capacity, revision).every(
    (servers) => readyReplicas(observation, revision.name, servers.pool.name) >= servers.replicas,
  );
}

/**
 * The failover chain of a revision: the pools of the spec, and behind them those that the spec gave up, as long
 * as the others are short of replicas. So a pool can be renamed or replaced without an outage.
 */
function failoverChain(
  observation: Observation,
  capacity: CapacityPlan,
  revision: ObservedRevision,
): readonly PlannedPool[] {
  const wanted = plannedPools(capacity, revision);
  if (everyReplicaIsReady(observation, capacity, revision)) return wanted;
  const leaving = reportedPools(observation.deployment.status).filter(
    (pool) => pool.revision === revision.name && !wanted.some((planned) => planned.pool === pool.pool),
  );
  return [...wanted, ...leaving];
}

function anyIsReady(observation: Observation, pools: readonly PlannedPool[]): boolean {
  return pools.some((pool) => readyReplicas(observation, pool.revision, pool.pool) > 0);
}

function candidateMayServe(
  observation: Observation,
  capacity: CapacityPlan,
  candidate: ObservedRevision,
): boolean {
  return candidateWithTraffic(observation.deployment.status) === candidate.name
    ? anyIsReady(observation, failoverChain(observation, capacity, candidate))
    : everyReplicaIsReady(observation, capacity, candidate);
}

/**
 * Whether stable may get the traffic. One that has none yet takes it with its first ready replica from nobody,
 * but from others that still answer (a former stable whose ControllerRevision was lost) only with all of them.
 */
function stableMayServe(observation: Observation, capacity: CapacityPlan, stable: ObservedRevision): boolean {
  const { status } = observation.deployment;
  if (planNamesRevision(status, stable.name)) return true;
  if (!anyIsReady(observation, plannedPools(capacity, stable))) return false;
  const othersAnswer = anyIsReady(observation, reportedPools(status));
  return !othersAnswer || everyReplicaIsReady(observation, capacity, stable);
}

function arm(name: TrafficArm["name"], pools: readonly PlannedPool[]): TrafficArm {
  return { name, weight: FULL_WEIGHT, pools: pools.slice(0, MAX_POOLS_PER_ARM) };
}

function planArms(
  observation: Observation,
  revisions: RevisionPlan,
  capacity: CapacityPlan,
): readonly TrafficArm[] {
  const { stable, candidate } = revisions;
  // Replicas are asked for by pool, not by revision: without any, nobody can get the traffic.
  if (plannedPools(capacity, stable).length === 0) return [];
  const stablePools = failoverChain(observation, capacity, stable);
  if (candidate !== undefined && candidateMayServe(observation, capacity, candidate)) {
    return [arm("Candidate", [...failoverChain(observation, capacity, candidate), ...stablePools])];
  }
  if (stableMayServe(observation, capacity, stable)) return [arm("Stable", stablePools)];
  return observation.deployment.status.traffic?.arms ?? [];
}

/** Decides the traffic plan; its epoch grows exactly when something in it changes. */
export function planTraffic(
  observation: Observation,
  revisions: RevisionPlan,
  capacity: CapacityPlan,
): TrafficPlan {
  const { spec, status } = observation.deployment;
  const previous = status.traffic;
  const content = {
    port: chooseTrafficPort(observation),
    timeout: spec.traffic.timeout,
    perTryTimeout: perTryTimeout(spec.traffic),
    arms: [...planArms(observation, revisions, capacity)],
  };
  if (previous === undefined) return { ...content, epoch: 1 };
  const { epoch, ...previousContent } = previous;
  return { ...content, epoch: canonicalJson(previousContent) === canonicalJson(content) ? epoch : epoch + 1 };
}
