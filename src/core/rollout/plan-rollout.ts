/**
 * Planner `rollout`: which release is the current one, where each stands, and how much of the traffic the candidate may
 * have.
 *
 * It never gives a candidate more than the step of its release says, and what it says is stored before any traffic
 * follows from it. It moves no role: that follows from the traffic.
 */
import type { ModelRolloutSpec, ModelRolloutStatus } from "../../api/model-rollout.ts";
import { parsePercentage } from "../../api/percentage.ts";
import { FULL_WEIGHT } from "../../api/traffic-plan.ts";
import { desiredReplicas } from "../capacity/desired-replicas.ts";
import type { RolloutReport } from "../decision.ts";
import type { Observation, ObservedRollout } from "../observation.ts";
import { carriesWeight, readyReplicas } from "../readiness.ts";
import type { RevisionPlan } from "../revision/plan-revisions.ts";
import { acknowledgedEpoch } from "../traffic/acknowledged-epoch.ts";
import { planNamesRevision, reportedPools } from "../traffic/reported-plan.ts";
import { undoneBy } from "../undo/undo-target.ts";
import { advanceRollout } from "./advance-rollout.ts";
import { planReference, releaseSpec } from "./begin-release.ts";
import { currentRelease, guidedSpec, type ReleaseReference } from "./current-release.ts";
import { present } from "./gates/figure-text.ts";
import { type GateQuestion, gateQuestions } from "./gates/gate-questions.ts";
import { judgeGates } from "./gates/judge-gates.ts";
import { GATES } from "./gates/register.ts";
import { addressesOf } from "./gates/service-counts.ts";
import { evidenceOf, isComparable } from "./release-evidence.ts";
import { presentEpochs, withMirror, withShare } from "./rollout-shares.ts";
import { loadOfStep, mirrorOfStep, stepsOf } from "./rollout-steps.ts";
import type { RolloutOutcome, RolloutView } from "./rollout-view.ts";

/** Releases that are kept once they are over. */
export const ROLLOUT_HISTORY_LIMIT = 10;

/** The releases, and what follows for the candidate. */
export interface RolloutPlan {
  /** For the status of the ModelDeployment. */
  readonly reference?: ReleaseReference;
  /** The ModelRollout of the candidate, which has to stand. */
  readonly wanted?: { readonly name: string; readonly spec: ModelRolloutSpec };
  readonly reports: readonly RolloutReport[];
  /** Where the current release stands; absent when there is none, or its ModelRollout is not there. */
  readonly current?: ModelRolloutStatus;
  /** Share of the traffic that the candidate gets, in parts of 10,000. */
  readonly weight: number;
  /** Share of the requests of which the candidate gets a copy, likewise; 0 beside a weight. */
  readonly mirror: number;
  /** Share of the traffic that its replicas are to be able to carry. */
  readonly capacityWeight: number;
  /** The stable revision is to go before the candidate comes. */
  readonly takesStableAway: boolean;
  /** The release is over by now, and the candidate about to lose its role: its replicas stay as they are. */
  readonly isEnding: boolean;
  readonly wakeAtMilliseconds?: number;
  /** What is to be asked for the gates of the current release. */
  readonly gateQuestions?: readonly GateQuestion[];
  /** Names of ModelRollouts beyond the history limit. */
  readonly surplus: readonly string[];
}

/** What the status of a ModelDeployment says of its releases when nothing is decided about them. */
export function heldRollout(observation: Observation, revisions: RevisionPlan): RolloutPlan {
  const { rollout } = observation.deployment.status;
  const current = currentRelease(observation)?.rollout;
  return {
    ...(rollout === undefined ? {} : { reference: rollout }),
    ...(current === undefined ? {} : { current: current.status }),
    reports: [],
    weight: revisions.candidate === undefined ? 0 : reportedWeight(observation, revisions.candidate.name),
    mirror: revisions.candidate === undefined ? 0 : reportedMirror(observation, revisions.candidate.name),
    capacityWeight:
      current === undefined
        ? FULL_WEIGHT
        : loadOfStep(stepsOf(current.spec.strategy), Math.max(1, current.status.step ?? 0)),
    takesStableAway: false,
    isEnding: false,
    surplus: [],
  };
}

/** Decides about the releases. */
export function planRollout(observation: Observation, revisions: RevisionPlan): RolloutPlan {
  const reference = planReference(observation, revisions);
  const current = observation.rollouts.find(({ name }) => name === reference?.name);
  const outcomes = new Map(
    observation.rollouts.map((rollout): [ObservedRollout, RolloutOutcome] => [
      rollout,
      advanceRollout(viewOf(observation, revisions, rollout, rollout === current)),
    ]),
  );
  const reports = [...outcomes].map(([rollout, { status }]) => ({
    rollout,
    status,
    isCurrent: rollout === current || rollout.name === observation.deployment.status.rollout?.name,
  }));
  const base = {
    ...(reference === undefined ? {} : { reference }),
    reports: reports.toSorted((left, right) => left.rollout.spec.number - right.rollout.spec.number),
    surplus: surplusRollouts(observation, reference),
  };
  const { candidate } = revisions;
  if (candidate === undefined || reference?.name === undefined)
    return { ...base, ...NOTHING, isEnding: false };
  const spec = releaseSpec(observation, revisions, reference, candidate, current);
  const wanted = { name: reference.name, spec };
  const outcome = current === undefined ? undefined : outcomes.get(current);
  if (current === undefined || outcome === undefined) {
    return { ...base, wanted, ...unseen(observation, reference, wanted.spec), isEnding: false };
  }
  const { status, ...follows } = outcome;
  return {
    ...base,
    wanted,
    current: status,
    ...follows,
    isEnding: status.verdict !== undefined,
    ...questionsOf(observation, revisions, current, status),
  };
}

const NOTHING: Omit<RolloutOutcome, "status"> = {
  weight: 0,
  mirror: 0,
  capacityWeight: 0,
  takesStableAway: false,
};

/** Gates are asked for as long as a step is in progress. */
function questionsOf(
  observation: Observation,
  { stable }: RevisionPlan,
  { name: rollout, spec: { gates = [], revision, strategy } }: ObservedRollout,
  {
    step = 0,
    steps = 0,
    weight = "0%",
    startedAt = "",
    history,
    shares = [],
    mirrored,
    verdict,
  }: ModelRolloutStatus,
): Pick<RolloutPlan, "gateQuestions"> {
  const { deployment } = observation;
  const { quality } = deployment.spec;
  const isMirroring = mirrorOfStep(stepsOf(strategy), step) > 0;
  const isAsked = gates.length > 0 || quality !== undefined || isMirroring;
  if (!isAsked || step === 0 || step === steps || verdict !== undefined) return {};
  if (isMirroring && mirrored === undefined) return {};
  const { name, namespace } = deployment.metadata;
  const inEffectAt = history?.at(-1)?.inEffectAt;
  const questions = gateQuestions(gates, {
    namespace,
    deployment: name,
    rollout,
    candidate: revision,
    stable: stable.name,
    step,
    steps,
    weight,
    ...present({
      inEffectAtMilliseconds: inEffectAt === undefined ? undefined : Date.parse(inEffectAt),
      epochs: presentEpochs(shares, parsePercentage(weight)),
      routers: addressesOf(observation),
    }),
    startedAtMilliseconds: Date.parse(startedAt),
    shares,
    ...(quality === undefined ? {} : { quality }),
    ...(isMirroring && mirrored !== undefined
      ? { mirrored: { first: mirrored.firstEpoch, last: mirrored.lastEpoch } }
      : {}),
  });
  return { gateQuestions: questions };
}

/**
 * A release whose ModelRollout is not there. It gets replicas at once and no traffic, unless it has all of it by right:
 * by an operator from before there were releases, or by a ModelRollout that somebody deleted.
 */
function unseen(
  observation: Observation,
  reference: ReleaseReference,
  { revision, strategy }: ModelRolloutSpec,
): Omit<RolloutOutcome, "status"> {
  const stored = observation.deployment.status.rollout;
  const isNew = stored !== undefined && stored.name !== reference.name;
  const hasAll = !isNew && reportedWeight(observation, revision) === FULL_WEIGHT;
  const canStay = anyIsReady(observation, revision);
  return {
    weight: hasAll && canStay ? FULL_WEIGHT : 0,
    mirror: 0,
    capacityWeight: hasAll
      ? FULL_WEIGHT
      : strategy.type === "Recreate"
        ? 0
        : loadOfStep(stepsOf(strategy), 1),
    takesStableAway: false,
  };
}

function viewOf(
  observation: Observation,
  revisions: RevisionPlan,
  rollout: ObservedRollout,
  isCurrent: boolean,
): RolloutView {
  const { status, spec: deployment } = observation.deployment;
  const { generation } = rollout;
  const { stable } = revisions;
  const spec = isCurrent ? guidedSpec(rollout.spec, revisions.undo) : rollout.spec;
  const weight = reportedWeight(observation, spec.revision);
  const shares = withShare(rollout.status.shares ?? [], isCurrent ? status.traffic : undefined, weight);
  const mirror = reportedMirror(observation, spec.revision);
  const mirrored = withMirror(rollout.status.mirrored, isCurrent ? status.traffic : undefined, mirror);
  const wanted = deployment.pools.reduce((sum, pool) => sum + desiredReplicas(deployment, pool), 0);
  return {
    spec,
    status: rollout.status,
    generation,
    nowMilliseconds: observation.nowMilliseconds,
    role: roleOf(observation, revisions, rollout, isCurrent),
    ...(revisions.undo === undefined ? {} : { undoneBy: undoneBy(revisions.undo) }),
    isUndone: isCurrent && revisions.undo !== undefined && revisions.undo.revision !== spec.revision,
    reportedWeight: weight,
    reportedMirror: mirror,
    ...(mirrored === undefined ? {} : { mirrored }),
    shares,
    planIsInEffect: acknowledgedEpoch(observation) === status.traffic?.epoch,
    carries: (weight) => wanted > 0 && carriesWeight(observation, spec.revision, weight),
    isComparable: isComparable(observation, spec, stable.name),
    anyIsReady: wanted > 0 && anyIsReady(observation, spec.revision),
    stableIsLost: wanted > 0 && !anyIsReady(observation, stable.name),
    stableHasLeft: hasLeft(observation, stable.name),
    judge: (step) => [
      ...GATES.map((gate) => ({
        name: gate.name,
        ...gate.judge({ observation, revision: spec.revision, weight: step.weight + (step.mirror ?? 0) }),
      })),
      ...judgeGates({
        declared: spec.gates ?? [],
        before: rollout.status.gates ?? [],
        shadow: spec.strategy.shadow,
        step: {
          ...step,
          nowMilliseconds: observation.nowMilliseconds,
          ...present({ epochs: presentEpochs(shares, step.weight) }),
        },
        evidence: evidenceOf(observation, spec, shares),
      }).map(({ status: said, ...wake }) => ({ ...said, ...wake })),
    ],
  };
}

function roleOf(
  { deployment }: Observation,
  { stable, candidate, desired, undo }: RevisionPlan,
  { spec }: ObservedRollout,
  isCurrent: boolean,
): RolloutView["role"] {
  if (isCurrent && candidate?.name === spec.revision) return "Candidate";
  if (stable.name === spec.revision) {
    return deployment.status.revisions?.stable === spec.revision ? "Promoted" : "Promoting";
  }
  if (undo !== undefined && undo.revision !== spec.revision) return "Undone";
  return stable.name === desired.name ? "ReturnedToStable" : "Replaced";
}

/** Share of the traffic that the stored plan gives a revision as the candidate. */
function reportedWeight({ deployment }: Observation, revision: string): number {
  const arm = deployment.status.traffic?.arms.find(({ name }) => name === "Candidate");
  return arm?.pools[0]?.revision === revision ? arm.weight : 0;
}

/** Share of the requests that the stored plan mirrors to a revision, in parts of 10,000. */
function reportedMirror({ deployment }: Observation, revision: string): number {
  const { mirror } = deployment.status.traffic ?? {};
  return mirror?.pools[0]?.revision === revision ? mirror.share : 0;
}

/** In a pool of the spec, or in one that the spec gave up and the plan still names. */
function anyIsReady({ deployment, ...observation }: Observation, revision: string): boolean {
  const { spec, status } = deployment;
  const planned = reportedPools(status).filter((pool) => pool.revision === revision);
  const pools = new Set([...spec.pools.map(({ name }) => name), ...planned.map(({ pool }) => pool)]);
  return [...pools].some((pool) => readyReplicas({ deployment, ...observation }, revision, pool) > 0);
}

/** Whether nothing of a revision is left: no traffic by any plan in effect, and no pod, not even one that ends. */
function hasLeft(observation: Observation, revision: string): boolean {
  const { status } = observation.deployment;
  const trafficHasLeft =
    acknowledgedEpoch(observation) === status.traffic?.epoch && !planNamesRevision(status, revision);
  return trafficHasLeft && observation.pods.every((pod) => pod.revision !== revision);
}

/** What is over and not the current one, the oldest beyond the limit. */
function surplusRollouts(
  { rollouts }: Observation,
  reference: ReleaseReference | undefined,
): readonly string[] {
  return rollouts
    .filter(({ name, status }) => status.verdict !== undefined && name !== reference?.name)
    .toSorted((left, right) => right.spec.number - left.spec.number)
    .slice(ROLLOUT_HISTORY_LIMIT)
    .map(({ name }) => name);
}
