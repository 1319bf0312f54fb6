/**
 * How many replicas of a pool a plan counts on: those to come move no traffic to the next pool, and those that are lost do.
 *
 * It is told here a second time, in plain words and without the planner.
 */
import { asString, valueAt } from "../../../src/api/json.ts";
import type { KubeObject } from "../../../src/api/kube-object.ts";
import type { PlannedPool, TrafficPlan } from "../../../src/api/traffic-plan.ts";
import { storedPlan } from "../plan-history.ts";
import { storedPools } from "../scaled-replicas.ts";
import type { Write } from "../world.ts";
import type { Invariant } from "./invariant.ts";

/** A pool that two plans in a row name. */
interface Recounted {
  readonly now: PlannedPool;
  readonly before: number;
  /** More of the requests come to it, or it stands further ahead. */
  readonly isGiven: boolean;
  readonly about: string;
}

/** A number that grows is one of replicas that were ready; but for what a pool gets that it did not have. */
export const countedWhenReady: Invariant = {
  name: "no plan counts on replicas that are still to come",
  brokenBy(write, facts) {
    const { after } = write;
    if (after === undefined) return undefined;
    const early = recountedIn(write).find(
      ({ now, before, isGiven }) =>
        !isGiven && now.replicas > before && facts.everReady(after, now.revision, now.pool) < now.replicas,
    );
    return early === undefined
      ? undefined
      : `${early.about}: ${early.before} replicas were counted on, and now ${early.now.replicas}, which were never ready`;
  },
};

/** A number of stable falls to what people or the load ask for, and not with what is ready. */
export const countedWhenLost: Invariant = {
  name: "what a pool has lost goes to the next one",
  brokenBy(write) {
    const { before, after } = write;
    if (before === undefined || after === undefined) return undefined;
    if (valueAt(after, "status", "observedGeneration") !== after.metadata.generation) return undefined;
    const stable = stableIn(after);
    if (stable === undefined || stable !== stableIn(before)) return undefined;
    const asked = new Map(storedPools(after).map(({ name, replicas }) => [name, replicas]));
    const lost = recountedIn(write).find(
      ({ now, before: former }) =>
        now.revision === stable && now.replicas < former && now.replicas !== asked.get(now.pool),
    );
    return lost === undefined
      ? undefined
      : `${lost.about}: ${lost.before} replicas were counted on, and now ${lost.now.replicas}, with ${asked.get(lost.now.pool)} asked for`;
  },
};

/** Stable, where it is to carry all of the traffic. */
function stableIn(deployment: KubeObject): string | undefined {
  const isHeldBack = valueAt(deployment, "status", "rollout", "heldBack") !== undefined;
  return isHeldBack ? undefined : asString(valueAt(deployment, "status", "revisions", "stable"));
}

function recountedIn({ before, after }: Write): readonly Recounted[] {
  if (before?.kind !== "ModelDeployment" || after === undefined) return [];
  const [former, plan] = [storedPlan(before), storedPlan(after)];
  if (former === undefined || plan === undefined) return [];
  return chainsOf(plan).flatMap((chain) =>
    chain.flatMap((now): readonly Recounted[] => {
      const known = chainsOf(former).find((pools) => pools.some((pool) => isSame(pool, now)));
      const pool = known?.find((candidate) => isSame(candidate, now));
      if (known === undefined || pool === undefined) return [];
      const isGiven =
        requestsOf(plan, now.revision) > requestsOf(former, now.revision) ||
        aheadOf(chain, now).length < aheadOf(known, now).length;
      const about = `${after.metadata.name}@${plan.epoch}, ${now.revision} in ${now.pool}`;
      return [{ now, before: pool.replicas, isGiven, about }];
    }),
  );
}

function chainsOf({ arms, mirror }: TrafficPlan): readonly (readonly PlannedPool[])[] {
  return [...arms.map(({ pools }) => pools), ...(mirror === undefined ? [] : [mirror.pools])];
}

function isSame(one: PlannedPool, other: PlannedPool): boolean {
  return one.pool === other.pool && one.revision === other.revision;
}

/** Pools of the same revision that come first. */
function aheadOf(chain: readonly PlannedPool[], pool: PlannedPool): readonly PlannedPool[] {
  const index = chain.findIndex((candidate) => isSame(candidate, pool));
  return chain.slice(0, index).filter(({ revision }) => revision === pool.revision);
}

function requestsOf({ arms, mirror }: TrafficPlan, revision: string): number {
  const shares = arms.map(({ weight, pools }) => (pools[0]?.revision === revision ? weight : 0));
  const copies = mirror?.pools[0]?.revision === revision ? mirror.share : 0;
  return shares.reduce((sum, share) => sum + share, copies);
}
