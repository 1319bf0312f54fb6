/**
 * Planner `capacity`: the one place that says how many replicas each model revision has in each pool.
 *
 * Capacity never leaves before the traffic has left it: model servers that nobody asks for any more keep their
 * replicas until every live router has acknowledged a plan without them.
 */
import type { PoolSpec } from "../../api/model-deployment-spec.ts";
import type { Observation, ObservedModelServers, ObservedRevision } from "../observation.ts";
import type { RevisionPlan } from "../revision/plan-revisions.ts";
import { acknowledgedEpoch } from "../traffic/acknowledged-epoch.ts";
import { planNamesPool } from "../traffic/reported-plan.ts";
import { desiredReplicas } from "./desired-replicas.ts";

/** The model servers of one revision in one pool. */
export interface PlannedModelServers {
  readonly revision: ObservedRevision;
  readonly pool: PoolSpec;
  /** Replicas that the spec asks for. */
  readonly replicas: number;
  /** Replicas to have now: those that stand, as long as routers send requests to a pool that is to have none. */
  readonly scaleTo: number;
  /** They are to be left as they stand. What is known of their replicas may be old, so it is not written either. */
  readonly isHeld: boolean;
}

/** Replicas of everything. */
export interface CapacityPlan {
  /** Stable's pools in order of preference, then the candidate's. */
  readonly modelServers: readonly PlannedModelServers[];
  /** Model servers that nothing needs and that no router sends requests to. */
  readonly retired: readonly ObservedModelServers[];
}

/** Whether every live router carries out a plan without these model servers. */
function trafficHasLeft(observation: Observation, servers: ObservedModelServers): boolean {
  const { status } = observation.deployment;
  if (status.traffic === undefined) return true;
  const planIsInEffect = acknowledgedEpoch(observation) === status.traffic.epoch;
  return planIsInEffect && !planNamesPool(status, servers.revision, servers.pool);
}

/** The model servers that are to have no replicas, and keep those that they have until the traffic has left them. */
function heldServers(
  observation: Observation,
  revision: ObservedRevision,
  pool: PoolSpec,
  replicas: number,
): ObservedModelServers | undefined {
  const standing = observation.modelServers.find(
    (servers) => servers.revision === revision.name && servers.pool === pool.name,
  );
  const isHeld = replicas === 0 && standing !== undefined && !trafficHasLeft(observation, standing);
  return isHeld ? standing : undefined;
}

/** Decides replicas. */
export function planCapacity(observation: Observation, revisions: RevisionPlan): CapacityPlan {
  const { spec } = observation.deployment;
  const roles = [revisions.stable, ...(revisions.candidate === undefined ? [] : [revisions.candidate])];
  const modelServers = roles.flatMap((revision) =>
    spec.pools.map((pool) => {
      const replicas = desiredReplicas(spec, pool);
      const held = heldServers(observation, revision, pool, replicas);
      return { revision, pool, replicas, scaleTo: held?.replicas ?? replicas, isHeld: held !== undefined };
    }),
  );

  const retired = observation.modelServers.filter(
    (servers) =>
      !modelServers.some(
        (planned) => planned.revision.name === servers.revision && planned.pool.name === servers.pool,
      ) && trafficHasLeft(observation, servers),
  );
  return { modelServers, retired };
}
