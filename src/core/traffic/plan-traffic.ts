/**
 * Planner `traffic`: the one place that says who gets requests.
 *
 * A candidate gets the share that its release gives it, only once the replicas for it are ready, and it has stable's
 * pools behind it, so that a candidate that breaks falls back to stable inside Envoy. It keeps the traffic while any
 * replica of it is ready; then stable takes everything back.
 */

import type { ArmName } from "../../api/arm.ts";
import { formatDuration, parseDurationMilliseconds } from "../../api/duration.ts";
import { jsonEquals } from "../../api/json-equals.ts";
import type { ModelDeploymentSpec } from "../../api/model-deployment-spec.ts";
import type { ModelDeploymentStatus } from "../../api/model-deployment-status.ts";
import { userHeaderOf } from "../../api/quality.ts";
import type { TrafficSpec } from "../../api/traffic.ts";
import type { PlannedPool, TrafficArm, TrafficPlan } from "../../api/traffic-plan.ts";
import { FULL_WEIGHT, MAX_POOLS_PER_ARM } from "../../api/traffic-plan.ts";
import type { CapacityPlan, PlannedModelServers } from "../capacity/plan-capacity.ts";
import type { DrillPlan } from "../drill/plan-drill.ts";
import { EXPERIMENT_ARM_NAMES, plannedWeights } from "../experiment/experiment-shares.ts";
import type { ExperimentPlan, PlannedShares } from "../experiment/plan-experiment.ts";
import type { Observation, ObservedRevision } from "../observation.ts";
import { everyReplicaIsReady, readyReplicas } from "../readiness.ts";
import { type RevisionPlan, stableWaits } from "../revision/plan-revisions.ts";
import { currentRelease } from "../rollout/current-release.ts";
import type { RolloutPlan } from "../rollout/plan-rollout.ts";
import { chooseTrafficPort } from "./choose-traffic-port.ts";
import { countedPlan } from "./counted-replicas.ts";
import { planNamesRevision, reportedPools } from "./reported-plan.ts";

/** Longest time for one try when the spec does not say: a hanging server must leave time for two more tries. */
const MAX_DEFAULT_PER_TRY_TIMEOUT_MILLISECONDS = 500;

/** Time for one try: as the spec says, or a third of the whole, at most 500 ms. */
export function perTryTimeout(traffic: TrafficSpec): string {
  if (traffic.perTryTimeout !== undefined) return traffic.perTryTimeout;
  const third = Math.floor(parseDurationMilliseconds(traffic.timeout) / 3);
  return formatDuration(Math.max(1, Math.min(third, MAX_DEFAULT_PER_TRY_TIMEOUT_MILLISECONDS)));
}

function plannedPools(capacity: CapacityPlan, revision: ObservedRevision): readonly PlannedPool[] {
  return serversOf(capacity, revision)
    .filter((servers) => servers.needed > 0)
    .map((servers) => ({ pool: servers.pool.name, revision: revision.name, replicas: servers.needed }));
}

function serversOf(capacity: CapacityPlan, revision: ObservedRevision): readonly PlannedModelServers[] {
  return capacity.modelServers.filter((servers) => servers.revision.name === revision.name);
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
  const isWhole = wanted.every(
    ({ pool, replicas }) => readyReplicas(observation, revision.name, pool) >= replicas,
  );
  if (isWhole) return wanted;
  const chain = [...wanted];
  // Two arms may name the same pool.
  for (const pool of reportedPools(observation.deployment.status)) {
    const isKnown = chain.some((planned) => planned.pool === pool.pool);
    if (pool.revision === revision.name && !isKnown) chain.push(pool);
  }
  return chain;
}

function anyIsReady(observation: Observation, pools: readonly PlannedPool[]): boolean {
  return pools.some((pool) => readyReplicas(observation, pool.revision, pool.pool) > 0);
}

/**
 * Whether stable may get the traffic. One that has none yet takes it with its first ready replica from nobody,
 * but from others that still answer (a former stable whose ControllerRevision was lost) only with all of them. One that
 * has it keeps it, unless none of its own answers and such a former stable behind it does.
 */
function stableMayServe(observation: Observation, capacity: CapacityPlan, stable: ObservedRevision): boolean {
  const { status } = observation.deployment;
  if (planNamesRevision(status, stable.name) && !hasOnlyAShare(status, stable.name)) {
    const known = new Set([stable, ...observation.revisions].map(({ name }) => name));
    const lost = reportedPools(status).filter(({ revision }) => !known.has(revision));
    return (
      anyIsReady(observation, failoverChain(observation, capacity, stable)) || !anyIsReady(observation, lost)
    );
  }
  if (!anyIsReady(observation, plannedPools(capacity, stable))) return false;
  const othersAnswer = anyIsReady(observation, reportedPools(status));
  return !othersAnswer || everyReplicaIsReady(observation, stable);
}

/** Whether the plan gives a revision a share of the traffic as the candidate, and names it nowhere else. */
function hasOnlyAShare({ traffic }: ModelDeploymentStatus, revision: string): boolean {
  const naming = (traffic?.arms ?? []).filter(({ pools }) =>
    pools.some((pool) => pool.revision === revision),
  );
  return naming.every(
    ({ name, weight, pools }) =>
      name === "Candidate" && weight < FULL_WEIGHT && pools[0]?.revision === revision,
  );
}

function arm(name: TrafficArm["name"], weight: number, pools: readonly PlannedPool[]): TrafficArm {
  return { name, weight, pools: pools.slice(0, MAX_POOLS_PER_ARM) };
}

/**
 * Who has the traffic when neither role may: whoever had it. Where stable was taken away for a candidate that was given
 * up or undone, that is nobody: stable may wait for the very devices.
 */
function remainingArms(observation: Observation, { undo }: RevisionPlan): readonly TrafficArm[] {
  const { arms } = observation.deployment.status.traffic ?? { arms: [] };
  const release = currentRelease(observation);
  const { outcome = "Promoted" } = release?.rollout?.status.verdict ?? {};
  const isGivenUp =
    outcome !== "Promoted" && arms.some(({ pools }) => pools[0]?.revision === release?.revision);
  const isUndone = arms.some(
    ({ name, pools }) =>
      undo !== undefined &&
      name === "Candidate" &&
      pools[0]?.revision !== undo.revision &&
      observation.rollouts.some(
        ({ spec }) => spec.revision === pools[0]?.revision && spec.strategy.type === "Recreate",
      ),
  );
  if (isGivenUp || isUndone) return [];
  const ofExperiment = arms.some(({ name }) => EXPERIMENT_ARM_NAMES.has(name));
  // An experiment is no reason to go on, and what its arms had goes back.
  return ofExperiment
    ? arms.filter(({ name }) => name === "Stable").map((former) => ({ ...former, weight: FULL_WEIGHT }))
    : arms;
}

/** The arms of an experiment, each with stable's pools behind its own, then the control and those who are held out. */
function experimentArms(
  observation: Observation,
  { stable }: RevisionPlan,
  shares: PlannedShares,
  capacity: CapacityPlan,
): readonly TrafficArm[] {
  const stablePools = failoverChain(observation, capacity, stable);
  const own = new Map(shares.arms.map(({ arm, revision }): [ArmName, ObservedRevision] => [arm, revision]));
  return plannedWeights(shares).map(([name, weight]) => {
    const revision = own.get(name);
    const pools = revision === undefined ? [] : failoverChain(observation, capacity, revision);
    return arm(name, weight, [...pools, ...stablePools]);
  });
}

function planArms(
  observation: Observation,
  revisions: RevisionPlan,
  rollout: RolloutPlan,
  { shares }: Pick<ExperimentPlan, "shares">,
  capacity: CapacityPlan,
): readonly TrafficArm[] {
  const { stable, candidate } = revisions;
  const { weight } = rollout;
  const stablePools = failoverChain(observation, capacity, stable);
  if (rollout.takesStableAway)
    return candidate === undefined || weight === 0
      ? []
      : [arm("Candidate", FULL_WEIGHT, failoverChain(observation, capacity, candidate))];
  // Whoever still answers (a former stable whose ControllerRevision was lost) goes on.
  if (stableWaits(revisions)) return remainingArms(observation, revisions);
  // Replicas are asked for by pool, not by revision: without any, nobody can get the traffic.
  if (plannedPools(capacity, stable).length === 0) return [];
  if (candidate !== undefined && weight > 0) {
    const candidatePools = failoverChain(observation, capacity, candidate);
    const chain = [...candidatePools, ...stablePools];
    if (weight === FULL_WEIGHT) return [arm("Candidate", weight, chain)];
    if (!stableMayServe(observation, capacity, stable)) return remainingArms(observation, revisions);
    // A control has few replicas, and what serves is behind it.
    const control = rollout.holdback === undefined ? stablePools : [...stablePools, ...candidatePools];
    return [arm("Candidate", weight, chain), arm("Stable", FULL_WEIGHT - weight, control)];
  }
  if (stableMayServe(observation, capacity, stable)) {
    return shares === undefined
      ? [arm("Stable", FULL_WEIGHT, stablePools)]
      : experimentArms(observation, revisions, shares, capacity);
  }
  return remainingArms(observation, revisions);
}

/** Needed only while several revisions share the traffic: a plan that needs none of it is as before there was any. */
function plannedStickiness(
  { deployment }: Observation,
  { candidate }: RevisionPlan,
  { shares }: Pick<ExperimentPlan, "shares">,
  arms: readonly TrafficArm[],
): Pick<TrafficPlan, "stickiness"> {
  const { stickiness } = deployment.spec.traffic;
  const salt = candidate?.name ?? shares?.salt;
  if (stickiness === undefined || salt === undefined || arms.length < 2) return {};
  const { header, anonymous = "Random" } = stickiness;
  return { stickiness: { header, anonymous, salt } };
}

/**
 * Copies for a candidate, beside stable with all of the traffic. Behind its own pools are no others: stable answers the
 * originals, and would be compared with itself.
 */
function plannedMirror(
  observation: Observation,
  { candidate }: RevisionPlan,
  { mirror: share }: RolloutPlan,
  capacity: CapacityPlan,
  arms: readonly TrafficArm[],
): Pick<TrafficPlan, "mirror"> {
  const isStableAlone = arms.length === 1 && arms[0]?.name === "Stable";
  if (candidate === undefined || share === 0 || !isStableAlone) return {};
  const pools = failoverChain(observation, capacity, candidate).slice(0, MAX_POOLS_PER_ARM);
  return pools.length === 0 ? {} : { mirror: { share, pools } };
}

/** How answers are counted; nothing where they are not. */
function plannedFeedback(spec: ModelDeploymentSpec): Pick<TrafficPlan, "feedback"> {
  if (spec.quality === undefined) return {};
  const { excludeFromQuality } = spec.quality;
  const userHeader = userHeaderOf(spec);
  return {
    feedback: {
      ...(userHeader === undefined ? {} : { userHeader }),
      ...(excludeFromQuality === undefined ? {} : { excludeHeader: excludeFromQuality.header }),
    },
  };
}

/** A drill beside one arm alone, of whose first pool it is; what is real has priority. */
function besideDrill(
  { planned }: Pick<DrillPlan, "planned">,
  arms: readonly TrafficArm[],
): Pick<TrafficPlan, "drill"> {
  const isTarget = arms.length === 1 && arms[0]?.pools[0]?.pool === planned?.pool;
  return planned === undefined || !isTarget ? {} : { drill: planned };
}

/**
 * The epoch of a first plan: seconds since 1970. A ModelDeployment that is made anew under its name, or whose status
 * was lost, so never counts what a router acknowledged of an earlier plan as its own.
 */
function firstEpoch({ nowMilliseconds }: Observation): number {
  return Math.max(1, Math.floor(nowMilliseconds / 1_000));
}

/** Decides the traffic plan; its epoch grows exactly when something in it changes. */
export function planTraffic(
  observation: Observation,
  revisions: RevisionPlan,
  rollout: RolloutPlan,
  experiment: Pick<ExperimentPlan, "shares">,
  drill: Pick<DrillPlan, "planned">,
  capacity: CapacityPlan,
): TrafficPlan {
  const { spec, status } = observation.deployment;
  const previous = status.traffic;
  const { tls, authentication } = spec.traffic;
  const arms = planArms(observation, revisions, rollout, experiment, capacity);
  const content = countedPlan(observation, revisions, rollout, {
    port: chooseTrafficPort(observation),
    timeout: spec.traffic.timeout,
    perTryTimeout: perTryTimeout(spec.traffic),
    ...plannedStickiness(observation, revisions, experiment, arms),
    ...(tls === undefined ? {} : { tls }),
    ...(authentication === undefined ? {} : { authentication }),
    ...plannedFeedback(spec),
    arms: [...arms],
    ...plannedMirror(observation, revisions, rollout, capacity, arms),
    ...besideDrill(drill, arms),
  });
  if (previous === undefined) return { ...content, epoch: firstEpoch(observation) };
  const { epoch, ...previousContent } = previous;
  return { ...content, epoch: jsonEquals(previousContent, content) ? epoch : epoch + 1 };
}
