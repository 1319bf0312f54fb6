/**
 * Planner `revision`: which model revision is stable, which one is on its way, which are kept as history.
 *
 * It moves roles, never traffic: a candidate becomes stable only after every live router has acknowledged a
 * plan that gives it all the traffic, and only where its release lets it. One whose release was given up has no role
 * until somebody asks for another try, and one that waits for its validation has none yet. A stable revision that never had traffic holds nobody up: a newer spec
 * takes its place at once. Neither does a candidate that does not come up while stable can still take the
 * traffic back.
 */

import type { ModelDeploymentStatus } from "../../api/model-deployment-status.ts";
import type { Observation, ObservedRevision } from "../observation.ts";
import { everyReplicaIsReady } from "../readiness.ts";
import { currentRelease, isGivenUp, isOver, letsPromote } from "../rollout/current-release.ts";
import { acknowledgedEpoch } from "../traffic/acknowledged-epoch.ts";
import { candidateHasAllTraffic, candidateWithTraffic, planNamesRevision } from "../traffic/reported-plan.ts";
import { type AwaitedValidation, awaitedValidation } from "../validation/awaited-validation.ts";
import { modelRevisionName, modelRevisionOf } from "./model-revision.ts";

/** Model revisions that are kept beside the ones in use, so that a return to one finds its history. */
export const REVISION_HISTORY_LIMIT = 10;

/** Roles of the model revisions. */
export interface RevisionPlan {
  /** What serves, or will first. */
  readonly stable: ObservedRevision;
  /** What is on its way to the traffic. */
  readonly candidate?: ObservedRevision;
  /** What the spec asks for: one of the two above, or queued behind the candidate. */
  readonly desired: ObservedRevision;
  /** The desired revision has no ControllerRevision yet. */
  readonly desiredIsNew: boolean;
  /** What has to pass before the desired revision gets a role, or as stable its first replicas. */
  readonly awaited?: AwaitedValidation;
  /** Names of revisions beyond the history limit. */
  readonly surplus: readonly string[];
}

function desiredRevision(observation: Observation): { revision: ObservedRevision; isNew: boolean } {
  const { deployment, revisions } = observation;
  const data = modelRevisionOf(deployment.spec);
  const name = modelRevisionName(deployment.metadata.name, data);
  const known = revisions.find((revision) => revision.name === name);
  if (known !== undefined) return { revision: known, isNew: false };
  const number = 1 + Math.max(0, ...revisions.map((revision) => revision.number));
  return { revision: { name, number, data }, isNew: true };
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
 * more ready replicas than stable, to which the traffic would return.
 */
function mustKeepTraffic(
  observation: Observation,
  moving: ObservedRevision,
  stable: ObservedRevision,
): boolean {
  const readyPods = ({ name }: ObservedRevision) =>
    observation.pods.filter((pod) => pod.revision === name && pod.isReady && !pod.isTerminating).length;
  return readyPods(moving) > readyPods(stable);
}

function surplusRevisions(
  revisions: readonly ObservedRevision[],
  inUse: ReadonlySet<string>,
): readonly string[] {
  const unused = revisions.filter((revision) => !inUse.has(revision.name));
  const newestFirst = unused.toSorted((left, right) => right.number - left.number);
  return newestFirst.slice(REVISION_HISTORY_LIMIT).map((revision) => revision.name);
}

/**
 * The roles as they were reported, for a ModelDeployment that is suspended: nothing moves, whatever the spec asks for
 * by now.
 */
export function heldRevisions(observation: Observation): RevisionPlan {
  const { status } = observation.deployment;
  const { revision: desired, isNew: desiredIsNew } = desiredRevision(observation);
  const known = desiredIsNew ? [...observation.revisions, desired] : observation.revisions;
  const byName = (name: string | undefined) => known.find((revision) => revision.name === name);
  const stable = byName(status.revisions?.stable) ?? desired;
  const candidate = byName(status.revisions?.candidate);
  return {
    stable,
    ...(candidate === undefined || candidate.name === stable.name ? {} : { candidate }),
    desired,
    desiredIsNew,
    surplus: [],
  };
}

/** Decides the roles. */
export function planRevisions(observation: Observation): RevisionPlan {
  const { deployment, revisions } = observation;
  const { status } = deployment;
  const { revision: desired, isNew: desiredIsNew } = desiredRevision(observation);
  const known = desiredIsNew ? [...revisions, desired] : revisions;
  const byName = (name: string | undefined) => known.find((revision) => revision.name === name);

  const moving = byName(candidateWithTraffic(status));
  const release = currentRelease(observation);
  const isUnderWay = release !== undefined && !isOver(release);
  const served = stableThatServed(status, byName) ?? moving;
  let stable = served ?? desired;
  const awaited = () => {
    const stableHasServed = served !== undefined;
    return isGivenUp(observation, desired.name)
      ? undefined
      : awaitedValidation(observation, { desired, stable, stableHasServed, byName });
  };
  const wanted = (): ObservedRevision | undefined =>
    stable.name === desired.name || isGivenUp(observation, desired.name) || awaited() !== undefined
      ? undefined
      : desired;
  let candidate = wanted();

  // One that is to finish first holds its role until it is over, unless the spec asks for stable again. Without traffic
  // it may be one that never starts, and would keep the fix away.
  const isQueued = deployment.spec.rollout?.onNewRevision === "Queue" && stable.name !== desired.name;
  const isUnderWayWithTraffic = isUnderWay && moving?.name === release.revision;
  if (isQueued && isUnderWayWithTraffic && moving.name !== stable.name) candidate = moving;

  if (moving !== undefined && moving.name !== stable.name && !isOver(release)) {
    const planIsInEffect = acknowledgedEpoch(observation) === status.traffic?.epoch;
    const hasAll = planIsInEffect && candidateHasAllTraffic(status);
    if (hasAll && everyReplicaIsReady(observation, moving) && letsPromote(observation, moving.name)) {
      stable = moving;
      candidate = wanted();
    } else if (mustKeepTraffic(observation, moving, stable)) {
      candidate = moving;
    }
  }

  // Another one that holds the role may become stable first: then that is what to compare with.
  const awaitedNow = candidate === undefined ? awaited() : undefined;
  const inUse = new Set([desired.name, stable.name, ...(candidate === undefined ? [] : [candidate.name])]);
  if (awaitedNow?.baseline !== undefined) inUse.add(awaitedNow.baseline.name);
  for (const servers of observation.modelServers) inUse.add(servers.revision);
  return {
    stable,
    ...(candidate === undefined ? {} : { candidate }),
    desired,
    desiredIsNew,
    ...(awaitedNow === undefined ? {} : { awaited: awaitedNow }),
    surplus: surplusRevisions(revisions, inUse),
  };
}

/** Whether not even stable may have replicas: it is the first one, and waits for its validation. */
export function stableWaits({ awaited, stable, desired }: RevisionPlan): boolean {
  return awaited !== undefined && stable.name === desired.name;
}
