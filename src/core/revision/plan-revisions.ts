/**
 * Planner `revision`: which model revision is stable, which one is on its way, which are kept as history.
 *
 * It moves roles, never traffic: a candidate becomes stable only after every live router has acknowledged a
 * plan that gives it all the traffic. A stable revision that never had traffic holds nobody up: a newer spec
 * takes its place at once. Neither does a candidate that does not come up while stable can still take the
 * traffic back.
 */

import type { ModelDeploymentStatus } from "../../api/model-deployment-status.ts";
import { desiredReplicas } from "../capacity/desired-replicas.ts";
import type { Observation, ObservedRevision } from "../observation.ts";
import { readyReplicas } from "../readiness.ts";
import { acknowledgedEpoch } from "../traffic/acknowledged-epoch.ts";
import { candidateWithTraffic, planNamesRevision } from "../traffic/reported-plan.ts";
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
 * The stable revision of the last decision, if it has served: it is in the plan, or it was scaled to zero beside
 * a candidate, which no revision gets before it has served. Undefined too when its ControllerRevision is lost and
 * the spec cannot tell what it held.
 */
function stableThatServed(
  status: ModelDeploymentStatus,
  byName: (name: string | undefined) => ObservedRevision | undefined,
): ObservedRevision | undefined {
  const recorded = byName(status.revisions?.stable);
  if (recorded === undefined) return undefined;
  const isScaledToZero = status.traffic?.arms.length === 0 && status.revisions?.candidate !== undefined;
  return isScaledToZero || planNamesRevision(status, recorded.name) ? recorded : undefined;
}

function everyReplicaIsReady(observation: Observation, revision: ObservedRevision): boolean {
  return observation.deployment.spec.pools.every(
    (pool) =>
      readyReplicas(observation, revision.name, pool.name) >=
      desiredReplicas(observation.deployment.spec, pool),
  );
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

/** Decides the roles. */
export function planRevisions(observation: Observation): RevisionPlan {
  const { deployment, revisions } = observation;
  const { status } = deployment;
  const { revision: desired, isNew: desiredIsNew } = desiredRevision(observation);
  const known = desiredIsNew ? [...revisions, desired] : revisions;
  const byName = (name: string | undefined) => known.find((revision) => revision.name === name);

  const moving = byName(candidateWithTraffic(status));
  let stable = stableThatServed(status, byName) ?? moving ?? desired;
  let candidate = stable.name === desired.name ? undefined : desired;

  if (moving !== undefined && moving.name !== stable.name) {
    const planIsInEffect = acknowledgedEpoch(observation) === status.traffic?.epoch;
    if (planIsInEffect && everyReplicaIsReady(observation, moving)) {
      stable = moving;
      candidate = stable.name === desired.name ? undefined : desired;
    } else if (mustKeepTraffic(observation, moving, stable)) {
      candidate = moving;
    }
  }

  const inUse = new Set([desired.name, stable.name, ...(candidate === undefined ? [] : [candidate.name])]);
  for (const servers of observation.modelServers) inUse.add(servers.revision);
  return {
    stable,
    ...(candidate === undefined ? {} : { candidate }),
    desired,
    desiredIsNew,
    surplus: surplusRevisions(revisions, inUse),
  };
}
