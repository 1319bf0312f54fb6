/**
 * Planner `conditions`: says in standard terms what the other planners found. The one place that makes
 * conditions, so that kstatus is right in one place.
 *
 * A candidate that waits or fails never takes `Ready` away from a stable revision that serves. What is broken
 * is never reported as ready.
 */
import type { Condition, ConditionReason, ConditionType } from "../../api/conditions.ts";
import type { TrafficPlan } from "../../api/traffic-plan.ts";
import type { CapacityPlan, PlannedModelServers } from "../capacity/plan-capacity.ts";
import type { Observation, ObservedRevision, PodTrouble, Refusal } from "../observation.ts";
import { mostUrgentTrouble, podsOf, readyReplicas } from "../readiness.ts";
import type { RevisionPlan } from "../revision/plan-revisions.ts";
import { acknowledgedEpoch } from "../traffic/acknowledged-epoch.ts";

/** Longest message of a condition; the rest of a longer one is cut off. */
const MAX_MESSAGE_LENGTH = 1024;

/** A condition before it is compared with the one that stood before. */
export interface Finding {
  readonly type: ConditionType;
  readonly status: "True" | "False";
  readonly reason: ConditionReason;
  readonly message: string;
}

/** What the conditions are made from. */
export interface Plans {
  readonly revisions: RevisionPlan;
  readonly capacity: CapacityPlan;
  readonly traffic: TrafficPlan;
}

const REASON_OF_TROUBLE: Readonly<Record<PodTrouble["type"], ConditionReason>> = {
  FetchFailed: "FetchFailed",
  ModelNotLoaded: "ModelNotLoaded",
  Unschedulable: "WaitingForCapacity",
  ContainerWaiting: "ReplicasNotReady",
};

interface Shortage {
  readonly reason: ConditionReason;
  readonly message: string;
}

/** Why the model servers of one pool are short of replicas, or undefined when they are not. */
export function shortageOf(observation: Observation, servers: PlannedModelServers): Shortage | undefined {
  const { name: pool } = servers.pool;
  const ready = readyReplicas(observation, servers.revision.name, pool);
  if (ready >= servers.replicas) return undefined;
  const count = `pool ${pool}: ${ready} of ${servers.replicas} replicas are ready`;
  const trouble = mostUrgentTrouble(podsOf(observation, servers.revision.name, pool));
  if (trouble === undefined) return { reason: "ReplicasNotReady", message: count };
  const verb = trouble.type === "Unschedulable" ? "cannot be scheduled" : "cannot start";
  return {
    reason: REASON_OF_TROUBLE[trouble.type],
    message: `${count}; ${trouble.podCount} ${verb}: ${trouble.message}`,
  };
}

function shortagesOf(
  observation: Observation,
  capacity: CapacityPlan,
  revision: ObservedRevision,
): readonly Shortage[] {
  return capacity.modelServers
    .filter((servers) => servers.revision.name === revision.name)
    .flatMap((servers) => shortageOf(observation, servers) ?? []);
}

/** One shortage for all: the first pool's reason leads, every pool's message is told. */
function combined(shortages: readonly Shortage[]): Shortage | undefined {
  const [first] = shortages;
  if (first === undefined) return undefined;
  const telling = shortages.find((shortage) => shortage.reason !== "ReplicasNotReady") ?? first;
  return { reason: telling.reason, message: shortages.map((shortage) => shortage.message).join("; ") };
}

function isTrue(observation: Observation, type: ConditionType): boolean {
  return (observation.deployment.status.conditions ?? []).some(
    (condition) => condition.type === type && condition.status === "True",
  );
}

/** Whether the routers serve a plan that gives somebody the traffic. */
function routersServe(observation: Observation, traffic: TrafficPlan, was: ConditionType): boolean {
  const acknowledged = acknowledgedEpoch(observation);
  // A newer plan on its way does not interrupt the one that is in effect.
  return acknowledged === traffic.epoch || (acknowledged > 0 && isTrue(observation, was));
}

/**
 * What is known to be refused. What was found for this generation holds until the next writes show another
 * picture: a refusal must not blink between a decision and its execution.
 */
function knownRefusal(observation: Observation): Omit<Refusal, "object"> | undefined {
  if (observation.refusals !== undefined) {
    const [refusal] = observation.refusals;
    return refusal === undefined
      ? undefined
      : { ...refusal, message: `${refusal.object}: ${refusal.message}` };
  }
  const stalled = observation.deployment.status.conditions?.find((condition) => condition.type === "Stalled");
  if (stalled?.status !== "True") return undefined;
  if (stalled.observedGeneration !== observation.deployment.metadata.generation) return undefined;
  return stalled.reason === "ChildRejected" || stalled.reason === "NotOwned"
    ? { reason: stalled.reason, message: stalled.message }
    : undefined;
}

function stalledFinding(observation: Observation): Finding | undefined {
  const refusal = knownRefusal(observation);
  if (refusal !== undefined) return { type: "Stalled", status: "True", ...pick(refusal) };
  const rejections = observation.routers.flatMap((router) => (router.isLive ? (router.rejection ?? []) : []));
  // Routers differ little in their words; the smallest text keeps the choice stable between looks.
  const rejection = rejections.toSorted()[0];
  if (rejection === undefined) return undefined;
  return { type: "Stalled", status: "True", reason: "PlanRejected", message: rejection };
}

function pick({ reason, message }: Shortage): Shortage {
  return { reason, message };
}

function readyFinding(observation: Observation, plans: Plans, stalled: Finding | undefined): Finding {
  const type = "Ready";
  if (stalled !== undefined) return { ...stalled, type, status: "False" };
  const stableServers = plans.capacity.modelServers.filter(
    (servers) => servers.revision.name === plans.revisions.stable.name,
  );
  const wanted = stableServers.reduce((sum, servers) => sum + servers.replicas, 0);
  if (wanted === 0) {
    return { type, status: "True", reason: "ScaledToZero", message: "no replicas are asked for" };
  }
  const shortage = combined(shortagesOf(observation, plans.capacity, plans.revisions.stable));
  if (shortage !== undefined) return { type, status: "False", ...shortage };
  if (!routersServe(observation, plans.traffic, type)) {
    const message = "no router has acknowledged the traffic plan yet";
    return { type, status: "False", reason: "RouterNotReady", message };
  }
  const message = `${wanted} replicas of ${plans.revisions.stable.name} serve`;
  return { type, status: "True", reason: "Serving", message };
}

function availableFinding(observation: Observation, plans: Plans): Finding {
  const type = "Available";
  const pools = plans.traffic.arms.flatMap((arm) => arm.pools);
  const ready = pools.reduce((sum, pool) => sum + readyReplicas(observation, pool.revision, pool.pool), 0);
  if (ready === 0) {
    return { type, status: "False", reason: "NoReadyReplica", message: "no replica is ready to answer" };
  }
  if (!routersServe(observation, plans.traffic, type)) {
    const message = "no router has acknowledged the traffic plan yet";
    return { type, status: "False", reason: "RouterNotReady", message };
  }
  return { type, status: "True", reason: "Serving", message: "requests are answered" };
}

function rolloutFinding(observation: Observation, plans: Plans): Finding {
  const type = "RolloutInProgress";
  const { candidate } = plans.revisions;
  if (candidate === undefined) {
    return { type, status: "False", reason: "NoRollout", message: "no rollout is in progress" };
  }
  const shortage = combined(shortagesOf(observation, plans.capacity, candidate));
  const moves = plans.traffic.arms.some((arm) => arm.name === "Candidate");
  if (shortage !== undefined) {
    const reason = shortage.reason === "ReplicasNotReady" ? "NewRevision" : shortage.reason;
    return { type, status: "True", reason, message: `${candidate.name}: ${shortage.message}` };
  }
  const message = moves ? `traffic moves to ${candidate.name}` : `${candidate.name} is ready`;
  return { type, status: "True", reason: "MovingTraffic", message };
}

function promotedFinding(observation: Observation, plans: Plans, ready: Finding): Finding {
  const type = "Promoted";
  const { stable, desired } = plans.revisions;
  // Once it is so, a lost pod or router does not undo it. At first all of it must have been seen to serve: a pool
  // with a model of its own may answer while the model of the spec never does.
  const wasPromoted =
    isTrue(observation, type) && observation.deployment.status.revisions?.stable === stable.name;
  const isInEffect =
    acknowledgedEpoch(observation) === plans.traffic.epoch || ready.reason === "ScaledToZero";
  const isServed = wasPromoted || (ready.status === "True" && isInEffect);
  const { arms } = plans.traffic;
  const hasAll =
    arms.length === 0
      ? ready.reason === "ScaledToZero"
      : arms.every((arm) => arm.weight === 0 || arm.pools[0]?.revision === desired.name);
  if (stable.name === desired.name && isServed && hasAll) {
    return { type, status: "True", reason: "Promoted", message: `${stable.name} has all the traffic` };
  }
  return {
    type,
    status: "False",
    reason: "NewRevision",
    message: `${desired.name} does not have the traffic yet`,
  };
}

function reconcilingFinding(plans: Plans, ready: Finding, stalled: Finding | undefined): Finding | undefined {
  if (ready.status === "True" || stalled !== undefined) return undefined;
  const isFirst = plans.traffic.arms.length === 0 && ready.reason === "ReplicasNotReady";
  return { ...ready, type: "Reconciling", status: "True", reason: isFirst ? "Creating" : ready.reason };
}

/** Everything that is to be said, without times. */
export function findConditions(observation: Observation, plans: Plans): readonly Finding[] {
  const stalled = stalledFinding(observation);
  const ready = readyFinding(observation, plans, stalled);
  const reconciling = reconcilingFinding(plans, ready, stalled);
  return [
    ready,
    availableFinding(observation, plans),
    promotedFinding(observation, plans, ready),
    rolloutFinding(observation, plans),
    ...(reconciling === undefined ? [] : [reconciling]),
    ...(stalled === undefined ? [] : [stalled]),
  ];
}

/** The conditions for the status: a transition time moves only when `status` does. */
export function planConditions(observation: Observation, plans: Plans): Condition[] {
  const previous = observation.deployment.status.conditions ?? [];
  return findConditions(observation, plans).map((finding) => {
    const before = previous.find((condition) => condition.type === finding.type);
    const lastTransitionTime =
      before?.status === finding.status
        ? before.lastTransitionTime
        : new Date(observation.nowMilliseconds).toISOString().replace(/\.\d+Z$/, "Z");
    return {
      ...finding,
      message: finding.message.slice(0, MAX_MESSAGE_LENGTH),
      observedGeneration: observation.deployment.metadata.generation,
      lastTransitionTime,
    };
  });
}
