/**
 * Planner `capacity`: the one place that says how many replicas each model revision has in each pool.
 *
 * Capacity never leaves before the traffic has left it: model servers that nobody asks for any more keep their
 * replicas until every live router has acknowledged a plan without them. Until a candidate is promoted, stable keeps
 * the replicas for all the traffic; the candidate has those for its share, and for the next one before it gets it. In a
 * holdback it is the other way round, and a third revision has those for its first step before it gets a role.
 */
import type { PoolSpec } from "../../api/pool.ts";
import { FULL_WEIGHT } from "../../api/traffic-plan.ts";
import type { ExperimentPlan } from "../experiment/plan-experiment.ts";
import { observedServers } from "../model-servers.ts";
import type { Observation, ObservedModelServers, ObservedRevision } from "../observation.ts";
import { type RevisionPlan, stableWaits } from "../revision/plan-revisions.ts";
import type { RolloutPlan } from "../rollout/plan-rollout.ts";
import { acknowledgedEpoch } from "../traffic/acknowledged-epoch.ts";
import { reportedPools } from "../traffic/reported-plan.ts";
import { desiredReplicas, replicasForShare, replicasForWeight } from "./desired-replicas.ts";
import { replicasOnTheWayBack } from "./way-back.ts";

/** The model servers of one revision in one pool. */
export interface PlannedModelServers {
  readonly revision: ObservedRevision;
  readonly pool: PoolSpec;
  /** Replicas that are asked for: by the spec, or by a share of the traffic. */
  readonly replicas: number;
  /** Replicas that carry the traffic that the revision is to have now. */
  readonly needed: number;
  /** Replicas to have now: those that stand, as long as routers send requests to a pool that is to have none. */
  readonly scaleTo: number;
  /** They are to be left as they stand. What is known of their replicas may be old, so it is not written either. */
  readonly isHeld: boolean;
}

/** Replicas of everything. */
export interface CapacityPlan {
  /** Stable's pools in order of preference, then the candidate's, then those of what comes next, then the arms of an experiment. */
  readonly modelServers: readonly PlannedModelServers[];
  /** Model servers that the spec does not ask for any more, and that requests still reach. By name. */
  readonly leaving: readonly ObservedModelServers[];
  /** Model servers that nothing needs and that no router sends requests to. */
  readonly retired: readonly ObservedModelServers[];
}

/** Whether every live router carries out a plan that needs no more replicas of these model servers; none, unless said. */
function trafficHasLeft(
  observation: Observation,
  { revision, pool }: Pick<ObservedModelServers, "revision" | "pool">,
  replicas = 0,
): boolean {
  const { status } = observation.deployment;
  if (status.traffic === undefined) return true;
  const planIsInEffect = acknowledgedEpoch(observation) === status.traffic.epoch;
  const isNeeded = reportedPools(status).some(
    (planned) => planned.revision === revision && planned.pool === pool && planned.replicas > replicas,
  );
  return planIsInEffect && !isNeeded;
}

/**
 * Whether model servers that are to have no replicas, or of a candidate fewer, keep those that they have until the
 * traffic has left them. Fewer that a person asks for are given at once. They stand or not: a person may hide them from
 * the cache.
 */
function areHeld(
  observation: Observation,
  revision: ObservedRevision,
  pool: PoolSpec,
  replicas: number,
  standing: number,
): boolean {
  const isShare = replicas < desiredReplicas(observation.deployment.spec, pool);
  if (replicas > 0 && !(isShare && standing > replicas)) return false;
  return !trafficHasLeft(observation, { revision: revision.name, pool: pool.name }, replicas);
}

/** Replicas that are asked for, and how many of them carry what the revision gets now. */
type Sizes = Pick<PlannedModelServers, "replicas" | "needed">;

function sizesOf(
  observation: Observation,
  revision: ObservedRevision,
  pool: PoolSpec,
  revisions: RevisionPlan,
  rollout: RolloutPlan,
): Sizes {
  const { spec } = observation.deployment;
  const { stable, next } = revisions;
  if (revision.name === next?.revision.name)
    return { replicas: replicasForWeight(spec, pool, next.weight), needed: 0 };
  const isStable = revision.name === stable.name;
  if (isStable && (rollout.takesStableAway || stableWaits(revisions))) return { replicas: 0, needed: 0 };
  const { holdback } = rollout;
  if (isStable) {
    const replicas = replicasForShare(spec, pool, holdback?.stableRoom ?? FULL_WEIGHT);
    return { replicas, needed: replicas };
  }
  // What goes back makes room for the replicas that it goes to.
  if (holdback?.phase === "Returning") {
    const wayBack = { stable: stable.name, candidate: revision };
    const replicas = replicasOnTheWayBack(observation, wayBack, pool, rollout.capacityWeight);
    return { replicas, needed: replicas };
  }
  return {
    replicas: replicasForWeight(spec, pool, rollout.capacityWeight),
    needed: replicasForWeight(spec, pool, Math.max(rollout.weight, rollout.mirror)),
  };
}

/** The arms of an experiment, each in the one pool that they run in, with the replicas for its share. */
function serversOfArms(
  observation: Observation,
  { planned }: Pick<ExperimentPlan, "planned">,
): readonly PlannedModelServers[] {
  if (planned === undefined) return [];
  const { arms, pool } = planned;
  return arms.map(({ revision, weight }): PlannedModelServers => {
    const replicas = replicasForWeight(observation.deployment.spec, pool, weight);
    const standing = observedServers(observation, { revision, pool })?.replicas ?? 0;
    const isHeld = areHeld(observation, revision, pool, replicas, standing);
    return { revision, pool, replicas, needed: replicas, scaleTo: isHeld ? standing : replicas, isHeld };
  });
}

/** Decides replicas. */
export function planCapacity(
  observation: Observation,
  revisions: RevisionPlan,
  rollout: RolloutPlan,
  experiment: Pick<ExperimentPlan, "planned">,
): CapacityPlan {
  const { spec } = observation.deployment;
  const { stable, candidate, next } = revisions;
  const roles = [stable, candidate, next?.revision].flatMap((revision) => revision ?? []);
  const ofRoles = roles.flatMap((revision) =>
    spec.pools.map((pool): PlannedModelServers => {
      const { replicas, needed } = sizesOf(observation, revision, pool, revisions, rollout);
      const isEnding = rollout.isEnding && revision.name !== revisions.stable.name;
      const standing = observedServers(observation, { revision, pool })?.replicas ?? 0;
      const isHeld = isEnding || areHeld(observation, revision, pool, replicas, standing);
      return {
        revision,
        pool,
        replicas,
        needed,
        scaleTo: isHeld ? standing : replicas,
        isHeld,
      };
    }),
  );

  const modelServers = [...ofRoles, ...serversOfArms(observation, experiment)];
  const givenUp = observation.modelServers
    .filter(
      (servers) =>
        !modelServers.some(
          (planned) => planned.revision.name === servers.revision && planned.pool.name === servers.pool,
        ),
    )
    .toSorted((left, right) => (left.name < right.name ? -1 : 1));
  return {
    modelServers,
    leaving: givenUp.filter((servers) => !trafficHasLeft(observation, servers)),
    retired: givenUp.filter((servers) => trafficHasLeft(observation, servers)),
  };
}
