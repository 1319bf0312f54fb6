/**
 * Planner `revision`: which model revision is stable, which one is on its way, which are kept as history.
 *
 * It moves roles, never traffic: a candidate becomes stable only after every live router has acknowledged a
 * plan that gives it all the traffic, and only where its release lets it. One whose release was given up has no role
 * until somebody asks for another try, and one that waits for its validation has none yet. A stable revision that never had traffic holds nobody up: a newer spec
 * takes its place at once. Neither does a candidate that does not come up while stable can still take the
 * traffic back. In a holdback, where stable cannot, the candidate keeps its role until its release says that it can.
 */

import type { ModelDeploymentStatus } from "../../api/model-deployment-status.ts";
import type { StandingUndo } from "../../api/undo-status.ts";
import { desiredReplicas } from "../capacity/desired-replicas.ts";
import type { Observation, ObservedRevision } from "../observation.ts";
import { everyReplicaIsReady } from "../readiness.ts";
import { currentRelease, isGivenUp, isHeldBack, isOver, letsPromote } from "../rollout/current-release.ts";
import { canBegin, type NextRevision, nextRevision } from "../rollout/next-revision.ts";
import { acknowledgedEpoch } from "../traffic/acknowledged-epoch.ts";
import { candidateHasAllTraffic, candidateWithTraffic, planNamesRevision } from "../traffic/reported-plan.ts";
import type { UndoPlan } from "../undo/plan-undo.ts";
import { type AwaitedValidation, awaitedValidation } from "../validation/awaited-validation.ts";
import { knownRevisions, type StatedRevision } from "./stated-revision.ts";

/** Model revisions that are kept beside the ones in use, so that a return to one finds its history. */
export const REVISION_HISTORY_LIMIT = 10;

/** Roles of the model revisions. */
export interface RevisionPlan {
  /** What serves, or will first. */
  readonly stable: ObservedRevision;
  /** What is on its way to the traffic. */
  readonly candidate?: ObservedRevision;
  /** What comes up beside both, to end the holdback of the candidate. */
  readonly next?: NextRevision;
  /** What is worked towards, one of those above, or queued behind the candidate: by the spec, or by an undo. */
  readonly desired: ObservedRevision;
  /** What the spec states. */
  readonly stated: StatedRevision;
  /** The undo that stands. */
  readonly undo?: StandingUndo;
  /** What has to pass before the desired revision gets a role, or as stable its first replicas. */
  readonly awaited?: AwaitedValidation;
  /** Names of revisions beyond the history limit. */
  readonly surplus: readonly string[];
}

/**
 * The stable revision of the last decision, if it has served: it is in the plan, or another one was released beside it,
 * which happens to none before it has served. The plan alone does not tell: stable may be scaled to zero, taken away for
 * the candidate, or behind more pools than an arm names. Undefined too when its ControllerRevision is lost and the spec
 * cannot tell what it held.
 */
function stableThatServed(
  status: ModelDeploymentStatus,
  byName: (name: string | undefined) => ObservedRevision | undefined,
): ObservedRevision | undefined {
  const recorded = byName(status.revisions?.stable);
  if (recorded === undefined) return undefined;
  // The candidate alone where no release was known yet, the release alone once it was given up.
  const released = status.revisions?.candidate ?? status.rollout?.revision ?? recorded.name;
  return released !== recorded.name || planNamesRevision(status, recorded.name) ? recorded : undefined;
}

/**
 * Whether a candidate with traffic keeps its role though the spec asks for another revision: only while it has
 * more ready replicas than stable, to which the traffic would return. Those in pools that are to have replicas count
 * first; what stands in other pools is about to go, and counts only between two that have the same there.
 */
function mustKeepTraffic(
  observation: Observation,
  moving: ObservedRevision,
  stable: ObservedRevision,
): boolean {
  const { spec } = observation.deployment;
  const wanted = new Set(
    spec.pools.filter((pool) => desiredReplicas(spec, pool) > 0).map(({ name }) => name),
  );
  const readyPods = ({ name }: ObservedRevision, isWanted: boolean) =>
    observation.pods.filter(
      ({ revision, pool, isReady, isTerminating }) =>
        revision === name && wanted.has(pool) === isWanted && isReady && !isTerminating,
    ).length;
  const lead = (isWanted: boolean) => readyPods(moving, isWanted) - readyPods(stable, isWanted);
  return (lead(true) || lead(false)) > 0;
}

/** @param former what an undo would go back to: the last to be let go of. */
function surplusRevisions(
  revisions: readonly ObservedRevision[],
  inUse: ReadonlySet<string>,
  former: readonly (string | undefined)[],
): readonly string[] {
  const unused = revisions.filter((revision) => !inUse.has(revision.name));
  const isFormer = ({ name }: ObservedRevision) => (former.includes(name) ? 1 : 0);
  const bestFirst = unused.toSorted(
    (left, right) => isFormer(right) - isFormer(left) || right.number - left.number,
  );
  return bestFirst.slice(REVISION_HISTORY_LIMIT).map((revision) => revision.name);
}

/** What every plan of roles has: where it goes, and why. */
function goalOf({ stated, target, standing }: UndoPlan): Pick<RevisionPlan, "desired" | "stated" | "undo"> {
  return {
    desired: target ?? stated.revision,
    stated,
    ...(standing === undefined ? {} : { undo: standing }),
  };
}

/**
 * The roles as they were reported, for a ModelDeployment that is suspended: nothing moves, whatever the spec asks for
 * by now.
 */
export function heldRevisions(observation: Observation, undo: UndoPlan): RevisionPlan {
  const { status } = observation.deployment;
  const goal = goalOf(undo);
  const known = knownRevisions(observation, undo.stated);
  const byName = (name: string | undefined) => known.find((revision) => revision.name === name);
  const stable = byName(status.revisions?.stable) ?? goal.desired;
  const candidate = byName(status.revisions?.candidate);
  return {
    ...goal,
    stable,
    ...(candidate === undefined || candidate.name === stable.name ? {} : { candidate }),
    surplus: [],
  };
}

/** Decides the roles. */
export function planRevisions(observation: Observation, undo: UndoPlan): RevisionPlan {
  const { deployment, revisions } = observation;
  const { status } = deployment;
  const goal = goalOf(undo);
  const { desired } = goal;
  const known = knownRevisions(observation, undo.stated);
  const byName = (name: string | undefined) => known.find((revision) => revision.name === name);

  const moving = byName(candidateWithTraffic(status));
  const release = currentRelease(observation);
  const isUnderWay = release !== undefined && !isOver(release);
  const served = stableThatServed(status, byName) ?? moving;
  let stable = served ?? desired;
  const isRefused = isGivenUp(observation, desired.name, undo.standing?.request);
  const awaited = () => {
    const stableHasServed = served !== undefined;
    // What an undo goes back to has served.
    return isRefused || undo.target !== undefined
      ? undefined
      : awaitedValidation(observation, { desired, stable, stableHasServed, byName });
  };
  const wanted = (): ObservedRevision | undefined =>
    stable.name === desired.name || isRefused || awaited() !== undefined ? undefined : desired;
  let candidate = wanted();
  /** What is to end a holdback, or waits for its validation before that: it is compared with what serves. */
  const thirdOf = (leads: ObservedRevision): Pick<RevisionPlan, "next" | "awaited"> => {
    const next = nextRevision(
      observation,
      { stable, desired, isUndone: undo.standing !== undefined },
      leads.name,
    );
    if (next === undefined) return {};
    const roles = { desired, stable: leads, stableHasServed: true, byName };
    const validation = awaitedValidation(observation, roles);
    return validation === undefined ? { next } : { awaited: validation };
  };
  let third: Pick<RevisionPlan, "next" | "awaited"> = {};

  // One that is to finish first holds its role until it is over, unless the spec asks for stable again. Without traffic
  // it may be one that never starts, and would keep the fix away.
  const isUndone = undo.target !== undefined && moving?.name !== desired.name;
  const mayQueue = deployment.spec.rollout?.onNewRevision === "Queue" && !isUndone;
  const isQueued = mayQueue && stable.name !== desired.name;
  const isUnderWayWithTraffic = isUnderWay && moving?.name === release.revision;
  if (isQueued && isUnderWayWithTraffic && moving.name !== stable.name) candidate = moving;

  if (moving !== undefined && moving.name !== stable.name && !isOver(release)) {
    const planIsInEffect = acknowledgedEpoch(observation) === status.traffic?.epoch;
    const hasAll = planIsInEffect && candidateHasAllTraffic(status);
    const keepsTraffic = mustKeepTraffic(observation, moving, stable);
    // In a holdback stable has no replicas for what the candidate would give up, and none that are missed.
    const isLed = isHeldBack(observation) && moving.name === release?.revision;
    const ended = isLed ? thirdOf(moving) : {};
    const isWhole = hasAll && (isLed || everyReplicaIsReady(observation, moving));
    // What is undone becomes stable only where the traffic has nobody else to go to on its way back.
    if (
      isWhole &&
      letsPromote(observation, moving.name, {
        undo: undo.standing,
        isMadeWayFor: canBegin(observation, ended.next),
      }) &&
      (keepsTraffic || !isUndone)
    ) {
      stable = moving;
      candidate = wanted();
    } else if (
      isLed ||
      (keepsTraffic && !(isUndone && release?.rollout?.spec.strategy.type === "Recreate"))
    ) {
      candidate = moving;
      third = ended;
    }
  }

  // Another one that holds the role may become stable first: then that is what to compare with.
  const awaitedNow = candidate === undefined ? awaited() : third.awaited;
  const inUse = new Set([desired.name, undo.stated.revision.name, stable.name]);
  if (candidate !== undefined) inUse.add(candidate.name);
  if (awaitedNow?.baseline !== undefined) inUse.add(awaitedNow.baseline.name);
  for (const servers of observation.modelServers) inUse.add(servers.revision);
  return {
    ...goal,
    stable,
    ...(candidate === undefined ? {} : { candidate }),
    ...(third.next === undefined ? {} : { next: third.next }),
    ...(awaitedNow === undefined ? {} : { awaited: awaitedNow }),
    // The stable one until now is the former one, if it leaves its role.
    surplus: surplusRevisions(revisions, inUse, [status.served?.former, status.revisions?.stable]),
  };
}

/** Whether not even stable may have replicas: it is the first one, and waits for its validation. */
export function stableWaits({ awaited, stable, desired }: RevisionPlan): boolean {
  return awaited !== undefined && stable.name === desired.name;
}
