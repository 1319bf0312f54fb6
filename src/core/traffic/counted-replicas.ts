/**
 * On how many replicas of each pool a traffic plan counts. Pure.
 *
 * A pool with fewer ready replicas than the plan counts on leaves the rest of its traffic to the next pool. So replicas that
 * were asked for are counted as they become ready: counted before, they would move traffic away from those that carry it. One
 * that is lost stays counted, and the next pool takes its part. It must never keep a number that was for a smaller share of
 * the traffic, or for a place further back: what a pool gets then is new to it.
 */
import type { PlannedPool, TrafficPlan } from "../../api/traffic-plan.ts";
import type { Observation } from "../observation.ts";
import { readyReplicas } from "../readiness.ts";
import type { RevisionPlan } from "../revision/plan-revisions.ts";
import type { RolloutPlan } from "../rollout/plan-rollout.ts";

/** What of a plan counts on replicas. */
type Chains = Pick<TrafficPlan, "arms" | "mirror">;

/** The number of a pool, and how many pools of the same revision come before it. */
interface Place {
  readonly replicas: number;
  readonly rank: number;
}

/**
 * A plan that counts on what is needed, with what it is to count on: what the stored plan does or what is ready, whichever is
 * more, and never more than is needed.
 */
export function countedPlan<Plan extends Chains>(
  observation: Observation,
  revisions: RevisionPlan,
  rollout: RolloutPlan,
  needed: Plan,
): Plan {
  const former = observation.deployment.status.traffic;
  if (former === undefined) return needed;
  const counted = (pools: readonly PlannedPool[]): PlannedPool[] =>
    pools.map((pool) => {
      const before = placeIn(former, pool);
      const rank = rankIn(pools, pool);
      const isGiven =
        shareOf(needed, pool.revision) > shareOf(former, pool.revision) &&
        !carriesAll(observation, revisions, rollout, pool.revision);
      if (before === undefined || rank < before.rank || isGiven) return pool;
      const ready = readyReplicas(observation, pool.revision, pool.pool);
      return { ...pool, replicas: Math.min(pool.replicas, Math.max(before.replicas, ready)) };
    });
  const { arms, mirror } = needed;
  return {
    ...needed,
    arms: arms.map((arm) => ({ ...arm, pools: counted(arm.pools) })),
    ...(mirror === undefined ? {} : { mirror: { ...mirror, pools: counted(mirror.pools) } }),
  };
}

/** Whether the number of a revision is for all the traffic, now and in the stored plan, whatever its share is. */
function carriesAll(
  { deployment: { status } }: Observation,
  { stable }: RevisionPlan,
  { holdback }: RolloutPlan,
  revision: string,
): boolean {
  const wasStable = status.revisions?.stable === revision && status.rollout?.heldBack === undefined;
  return wasStable && stable.name === revision && holdback === undefined;
}

/** Share of the requests that a plan gives a revision, copies included, in parts of 10,000. */
function shareOf({ arms, mirror }: Chains, revision: string): number {
  const led = arms.filter(({ pools }) => pools[0]?.revision === revision);
  const copies = mirror?.pools[0]?.revision === revision ? mirror.share : 0;
  return led.reduce((sum, { weight }) => sum + weight, copies);
}

function placeIn({ arms, mirror }: Chains, { pool, revision }: PlannedPool): Place | undefined {
  for (const pools of [...arms.map((arm) => arm.pools), mirror?.pools ?? []]) {
    const found = pools.find((planned) => planned.pool === pool && planned.revision === revision);
    if (found !== undefined) return { replicas: found.replicas, rank: rankIn(pools, found) };
  }
  return undefined;
}

function rankIn(pools: readonly PlannedPool[], { pool, revision }: PlannedPool): number {
  return pools.filter((planned) => planned.revision === revision).findIndex((own) => own.pool === pool);
}
