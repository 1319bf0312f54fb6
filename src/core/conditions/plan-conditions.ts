/**
 * Planner `conditions`: says in standard terms what the other planners found. The one place that makes
 * conditions, so that kstatus is right in one place.
 *
 * A candidate that waits or fails never takes `Ready` from a stable one that serves. What is broken is never ready.
 */
import type { Condition, ConditionReason, ConditionType } from "../../api/conditions.ts";
import { ANNOTATION } from "../../api/names.ts";
import { FULL_WEIGHT, type TrafficPlan } from "../../api/traffic-plan.ts";
import type { AnomalyPlan } from "../anomaly/plan-anomalies.ts";
import type { AutoscalingPlan } from "../autoscaling/autoscaling-plan.ts";
import { desiredReplicas } from "../capacity/desired-replicas.ts";
import type { CapacityPlan } from "../capacity/plan-capacity.ts";
import type { DrillPlan } from "../drill/plan-drill.ts";
import { refusalsButOfProbers } from "../drill/prober-refusals.ts";
import { butShares, type ExperimentPlan, withoutExperiment } from "../experiment/plan-experiment.ts";
import type { Observation, Refusal } from "../observation.ts";
import type { PodPlan } from "../pods/plan-pods.ts";
import { readyReplicas } from "../readiness.ts";
import { type RevisionPlan, stableWaits } from "../revision/plan-revisions.ts";
import { currentRelease, isGivenUp } from "../rollout/current-release.ts";
import { leadingRevision, servingRevision } from "../rollout/leading-revision.ts";
import type { RolloutPlan } from "../rollout/plan-rollout.ts";
import { acknowledgedEpoch } from "../traffic/acknowledged-epoch.ts";
import type { UndoPlan } from "../undo/plan-undo.ts";
import type { ValidationPlan } from "../validation/plan-validation.ts";
import { anomalyFinding } from "./anomaly-finding.ts";
import { reportedCondition } from "./condition-words.ts";
import { evidenceFinding } from "./evidence-finding.ts";
import { heldBackFinding, nextWords, returningFinding } from "./holdback-findings.ts";
import { refreshFinding } from "./refresh-finding.ts";
import { combined, isOrdinary, type Shortage, shortagesOf } from "./shortage.ts";
import { standbyFinding } from "./standby-finding.ts";
import { undoFinding, undoneFinding } from "./undo-findings.ts";
import { awaitedFinding, refusedFinding, validationFinding } from "./validation-findings.ts";

/** A condition before it is compared with the one that stood before. */
export interface Finding {
  readonly type: ConditionType;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: ConditionReason;
  readonly message: string;
}

/** What the conditions are made from. */
export interface Plans {
  readonly anomalies: AnomalyPlan;
  readonly undo: UndoPlan;
  readonly autoscaling: AutoscalingPlan;
  readonly revisions: RevisionPlan;
  readonly validation: ValidationPlan;
  readonly rollout: RolloutPlan;
  readonly experiment: ExperimentPlan;
  readonly drill: DrillPlan;
  readonly capacity: CapacityPlan;
  readonly pods: PodPlan;
  readonly traffic: TrafficPlan;
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
  const refusals = refusalsButOfProbers(observation);
  if (refusals !== undefined) {
    const [refusal] = refusals;
    return refusal === undefined
      ? undefined
      : { ...refusal, message: `${refusal.object}: ${refusal.message}` };
  }
  const stalled = observation.deployment.status.conditions?.find((condition) => condition.type === "Stalled");
  if (stalled?.status !== "True") return undefined;
  if (stalled.observedGeneration !== observation.deployment.metadata.generation) return undefined;
  const { reason, message } = stalled;
  return reason === "ChildRejected" || reason === "NotOwned" || reason === "KindMissing"
    ? { reason, message }
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

/** What some live router misses. A Secret comes when somebody makes it: no reason to give up. */
function credentialProblem(observation: Observation): string | undefined {
  // Routers look at different moments; the smallest text keeps the choice stable between looks.
  return observation.routers
    .flatMap((router) => (router.isLive ? (router.credentialProblem ?? []) : []))
    .toSorted()[0];
}

function pick({ reason, message }: Shortage): Shortage {
  return { reason, message };
}

/** The release of what the spec asks for was given up. It takes nothing from the stable revision. */
function givenUpFinding(observation: Observation, { revisions }: Plans): Finding | undefined {
  const { candidate, desired, stable, undo } = revisions;
  const isOver = candidate === undefined && desired.name !== stable.name;
  if (!isOver || !isGivenUp(observation, desired.name, undo?.request)) return undefined;
  const { name, rollout } = currentRelease(observation) ?? {};
  const why = rollout?.status.verdict?.message;
  const anew =
    undo === undefined
      ? `another spec, or petrel retry (another value of the annotation ${ANNOTATION.retry}), begins anew`
      : `another value of the annotation ${ANNOTATION.undo} goes back, petrel retry (one of ${ANNOTATION.retry}) ends the undo`;
  const message = `the release of ${desired.name} was given up (${why}), see ModelRollout ${name}; ${anew}`;
  return { type: "Stalled", status: "True", reason: "RolloutAborted", message };
}

function readyFinding(observation: Observation, plans: Plans, stalled: Finding | undefined): Finding {
  const type = "Ready";
  if (stalled !== undefined) return { ...stalled, type, status: "False" };
  const awaited = awaitedFinding(plans);
  if (awaited !== undefined && stableWaits(plans.revisions)) return { ...awaited, type };
  const lead = leadingRevision(plans.revisions, plans.rollout);
  const leadServers = plans.capacity.modelServers.filter((servers) => servers.revision.name === lead.name);
  const wanted = leadServers.reduce((sum, servers) => sum + servers.replicas, 0);
  const { spec } = observation.deployment;
  const isAskedFor = spec.pools.some((pool) => desiredReplicas(spec, pool) > 0);
  if (plans.rollout.takesStableAway && isAskedFor) {
    const message = `${plans.revisions.stable.name} is taken away before ${plans.revisions.candidate?.name} comes: nothing answers until that is ready`;
    return { type, status: "False", reason: "Recreating", message };
  }
  if (wanted === 0) {
    return { type, status: "True", reason: "ScaledToZero", message: "no replicas are asked for" };
  }
  const problem = credentialProblem(observation);
  if (problem !== undefined)
    return { type, status: "False", reason: "CredentialsUnusable", message: problem };
  const shortage = combined(shortagesOf(observation, plans.pods, lead));
  if (shortage !== undefined) return { type, status: "False", ...shortage };
  if (!routersServe(observation, plans.traffic, type)) {
    const message = "no router has acknowledged the traffic plan yet";
    return { type, status: "False", reason: "RouterNotReady", message };
  }
  return { type, status: "True", reason: "Serving", message: `${wanted} replicas of ${lead.name} serve` };
}

/** Whether somebody answers by the plan. */
export function availableFinding(observation: Observation, plans: Pick<Plans, "traffic">): Finding {
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

function rolloutFinding(observation: Observation, plans: Plans, givenUp: Finding | undefined): Finding {
  const type = "RolloutInProgress";
  const { candidate } = plans.revisions;
  if (candidate === undefined && givenUp !== undefined) return { ...givenUp, type, status: "False" };
  const awaited = awaitedFinding(plans);
  const isNext = awaited !== undefined && !stableWaits(plans.revisions);
  if (isNext && candidate === undefined) return { ...awaited, type, status: "True" };
  if (candidate === undefined) {
    return { type, status: "False", reason: "NoRollout", message: "no rollout is in progress" };
  }
  const { current, weight, mirror, takesStableAway, holdback } = plans.rollout;
  const told = `${candidate.name}: ${current?.message}`;
  if (holdback?.phase === "Returning") {
    const waits = combined(shortagesOf(observation, plans.pods, plans.revisions.stable));
    return returningFinding(told, waits?.message);
  }
  const shortage = combined(shortagesOf(observation, plans.pods, candidate));
  const isInTrouble = shortage !== undefined && !isOrdinary(shortage);
  if (!isInTrouble && current?.phase === "Paused")
    return { type, status: "True", reason: "RolloutPaused", message: told };
  if (!isInTrouble && holdback !== undefined) {
    const { next } = plans.revisions;
    const waits = next === undefined ? [] : shortagesOf(observation, plans.pods, next.revision);
    return {
      type,
      status: "True",
      reason: "HoldingBack",
      message: `${told}${nextWords(next, combined(waits)?.message, awaited)}`,
    };
  }
  if (!isInTrouble && (mirror > 0 || (weight > 0 && weight < FULL_WEIGHT)))
    return { type, status: "True", reason: "RolloutStep", message: told };
  if (!isInTrouble && takesStableAway) return { type, status: "True", reason: "Recreating", message: told };
  if (shortage !== undefined) {
    const reason = isInTrouble ? shortage.reason : "NewRevision";
    return { type, status: "True", reason, message: `${candidate.name}: ${shortage.message}` };
  }
  const moves = plans.traffic.arms.some((arm) => arm.name === "Candidate");
  const message = moves ? `traffic moves to ${candidate.name}` : `${candidate.name} is ready`;
  return { type, status: "True", reason: "MovingTraffic", message };
}

/** What has been found before it is said whether the model of the spec is promoted. */
interface Found {
  readonly ready: Finding;
  readonly rollout: Finding;
  readonly stalled: Finding | undefined;
  readonly givenUp: Finding | undefined;
  readonly suspended: Finding | undefined;
}

function promotedFinding(observation: Observation, plans: Plans, found: Found): Finding {
  const type = "Promoted";
  const { ready, givenUp } = found;
  if (givenUp !== undefined) return { ...givenUp, type, status: "False" };
  const desired = plans.revisions.stated.revision;
  const lead = leadingRevision(plans.revisions, plans.rollout);
  // Once it is so, a lost pod or router does not undo it. At first all of it must have been seen to serve: a pool
  // with a model of its own may answer while the model of the spec never does.
  const wasPromoted =
    isTrue(observation, type) && servingRevision(observation.deployment.status) === lead.name;
  const isInEffect =
    acknowledgedEpoch(observation) === plans.traffic.epoch || ready.reason === "ScaledToZero";
  const isServed = wasPromoted || (ready.status === "True" && isInEffect);
  const arms = withoutExperiment(plans.traffic.arms);
  const hasAll =
    arms.length === 0
      ? ready.reason === "ScaledToZero"
      : arms.every((arm) => arm.weight === 0 || arm.pools[0]?.revision === desired.name);
  if (lead.name === desired.name && isServed && hasAll) {
    const message = `${lead.name} has all the traffic${butShares(plans.experiment)}`;
    return { type, status: "True", reason: "Promoted", message };
  }
  if (lead.name === desired.name && isServed) {
    const heldBack = heldBackFinding(plans, desired.name);
    if (heldBack !== undefined) return heldBack;
  }
  return { ...whyNotPromoted(plans.revisions, found), type, status: "False" };
}

/** What is in the way: what refuses it, a person, its release or the one that it waits for, or its own replicas. */
function whyNotPromoted(
  { stable, candidate, stated: { revision: desired } }: RevisionPlan,
  { ready, stalled, suspended, rollout }: Found,
): Shortage {
  const told = ({ reason, message }: Shortage): Shortage => ({
    reason,
    message: `${desired.name} does not have all the traffic: ${message}`,
  });
  if (stalled !== undefined) return told(stalled);
  if (suspended !== undefined) return told(suspended);
  // Its own release begins with its name.
  if (rollout.status === "True") return candidate?.name === desired.name ? pick(rollout) : told(rollout);
  if (stable.name === desired.name && ready.status === "False") return told(ready);
  return told({
    reason: "MovingTraffic",
    message: "not every router has taken up the plan that gives it to it",
  });
}

function reconcilingFinding(
  { deployment }: Observation,
  plans: Plans,
  ready: Finding,
  stalled: Finding | undefined,
): Finding | undefined {
  // Nobody works on what is suspended.
  if (ready.status === "True" || stalled !== undefined || deployment.spec.suspend === true) return undefined;
  const isFirst = plans.traffic.arms.length === 0 && ready.reason === "ReplicasNotReady";
  return { ...ready, type: "Reconciling", status: "True", reason: isFirst ? "Creating" : ready.reason };
}

function suspendedFinding({ deployment }: Observation): Finding | undefined {
  if (deployment.spec.suspend !== true) return undefined;
  const message = "spec.suspend is true: everything stays as it is, whatever the rest of the spec says";
  return { type: "Suspended", status: "True", reason: "Suspended", message };
}

/** Everything that is to be said, without times. */
export function findConditions(observation: Observation, plans: Plans): readonly Finding[] {
  const stalled = stalledFinding(observation);
  const ready = readyFinding(observation, plans, stalled);
  const givenUp = givenUpFinding(observation, plans) ?? undoneFinding(plans) ?? refusedFinding(plans);
  const validated = validationFinding(plans);
  const halted = stalled ?? givenUp;
  const reconciling = reconcilingFinding(observation, plans, ready, halted);
  const rollout = rolloutFinding(observation, plans, givenUp);
  const suspended = suspendedFinding(observation);
  return [
    ready,
    availableFinding(observation, plans),
    promotedFinding(observation, plans, { ready, rollout, stalled, givenUp, suspended }),
    rollout,
    ...undoFinding(plans),
    ...(validated === undefined ? [] : [validated]),
    ...evidenceFinding(observation),
    ...anomalyFinding(observation, plans.anomalies),
    ...plans.autoscaling.findings,
    ...standbyFinding(observation, plans),
    ...refreshFinding(plans),
    ...(suspended === undefined ? [] : [suspended]),
    ...(reconciling === undefined ? [] : [reconciling]),
    ...(halted === undefined ? [] : [halted]),
  ];
}

/** The conditions for the status: a transition time moves only when `status` does. */
export function planConditions(observation: Observation, plans: Plans): Condition[] {
  const { deployment, nowMilliseconds } = observation;
  const { generation } = deployment.metadata;
  const { conditions } = deployment.status;
  return findConditions(observation, plans).map((finding) =>
    reportedCondition({ generation, nowMilliseconds, conditions }, finding),
  );
}
