/**
 * Planner `rollout`: which release is the current one, where each stands, and how much of the traffic the candidate may
 * have.
 *
 * It never gives a candidate more than the step of its release says, and what it says is stored before any traffic
 * follows from it. It moves no role: that follows from the traffic.
 */
import type { ModelRolloutSpec } from "../../api/model-rollout-spec.ts";
import type { ModelRolloutStatus } from "../../api/model-rollout-status.ts";
import { formatPercentage, parsePercentage } from "../../api/percentage.ts";
import { FULL_WEIGHT } from "../../api/traffic-plan.ts";
import type { RolloutReport } from "../decision.ts";
import type { Observation, ObservedRollout } from "../observation.ts";
import type { RevisionPlan } from "../revision/plan-revisions.ts";
import { advanceRollout } from "./advance-rollout.ts";
import { planReference, releaseSpec } from "./begin-release.ts";
import { currentRelease, type ReleaseReference, returningVerdict } from "./current-release.ts";
import { judgedInHoldback } from "./gates/deferred-gates.ts";
import { present } from "./gates/figure-text.ts";
import { type GateQuestion, gateQuestions } from "./gates/gate-questions.ts";
import { addressesOf } from "./gates/service-counts.ts";
import { keepingState } from "./holdback.ts";
import { anyIsReady, reportedMirror, reportedWeight, viewOf } from "./release-view.ts";
import { presentEpochs } from "./rollout-shares.ts";
import { mirrorOfStep, roomOfStep, stepsOf } from "./rollout-steps.ts";
import type { HoldbackState, RolloutOutcome } from "./rollout-view.ts";

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
  /** What becomes of stable in a holdback; absent while stable is to carry all the traffic, if it must. */
  readonly holdback?: HoldbackState;
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
  const weight =
    revisions.candidate === undefined ? 0 : reportedWeight(observation, revisions.candidate.name);
  return {
    ...(rollout === undefined ? {} : { reference: rollout }),
    ...(current === undefined ? {} : { current: current.status }),
    reports: [],
    weight,
    mirror: revisions.candidate === undefined ? 0 : reportedMirror(observation, revisions.candidate.name),
    capacityWeight:
      current === undefined
        ? FULL_WEIGHT
        : roomOfStep(stepsOf(current.spec), Math.max(1, current.status.step ?? 0)),
    ...heldBackState(observation, weight, current),
    takesStableAway: false,
    isEnding: false,
    surplus: [],
  };
}

/** What stable has in a holdback, by what is stored. */
function heldBackState(
  { deployment, rollouts }: Observation,
  weight: number,
  current?: ObservedRollout,
): Pick<RolloutPlan, "holdback"> {
  const { heldBack } = deployment.status.rollout ?? {};
  if (heldBack === undefined || current?.status.verdict !== undefined) return {};
  if (returningVerdict({ deployment, rollouts }) !== undefined)
    return { holdback: { phase: "Returning", stableRoom: FULL_WEIGHT } };
  const holdback = keepingState(parsePercentage(heldBack), weight);
  return holdback === undefined ? {} : { holdback };
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
    ...(reference === undefined
      ? {}
      : { reference: referenceNow(reference, revisions, current && outcomes.get(current)) }),
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

/**
 * The reference, with what stable keeps in a holdback: from when the release comes to it until its verdict falls. So it is
 * with a verdict that is to fall. What is stored of both stays while the ModelRollout is not there.
 */
function referenceNow(
  { heldBack: stored, returning: storedReturning, ...reference }: ReleaseReference,
  { candidate }: RevisionPlan,
  outcome: RolloutOutcome | undefined,
): ReleaseReference {
  if (candidate === undefined || outcome?.status.verdict !== undefined) return reference;
  const { holdback } = outcome ?? {};
  const begun = holdback?.kept === undefined ? undefined : formatPercentage(holdback.kept);
  const heldBack = begun ?? stored;
  const returning = outcome?.status.returning ?? storedReturning;
  return { ...reference, ...present({ heldBack, returning }) };
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
  { name: rollout, spec }: ObservedRollout,
  {
    step = 0,
    steps = 0,
    weight = "0%",
    startedAt = "",
    history,
    shares = [],
    mirrored,
    ...ending
  }: ModelRolloutStatus,
): Pick<RolloutPlan, "gateQuestions"> {
  const { deployment } = observation;
  const { quality } = deployment.spec;
  const { gates: declared = [], revision } = spec;
  const all = stepsOf(spec);
  const isMirroring = mirrorOfStep(all, step) > 0;
  const gates = all[step - 1]?.isHoldback === true ? judgedInHoldback(declared) : declared;
  const isAsked = gates.length > 0 || quality !== undefined || isMirroring;
  const isEnding = ending.verdict !== undefined || ending.returning !== undefined;
  if (!isAsked || step === 0 || step === steps || isEnding) return {};
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
  spec: ModelRolloutSpec,
): Omit<RolloutOutcome, "status"> {
  const { revision, strategy } = spec;
  const stored = observation.deployment.status.rollout;
  const isNew = stored !== undefined && stored.name !== reference.name;
  const hasAll = !isNew && reportedWeight(observation, revision) === FULL_WEIGHT;
  const canStay = anyIsReady(observation, revision);
  // Stable could not carry what it would get.
  const heldBack = isNew || hasAll ? undefined : reference.heldBack;
  if (heldBack !== undefined && canStay) {
    const weight = reportedWeight(observation, revision);
    return {
      weight,
      mirror: 0,
      capacityWeight: reference.returning === undefined ? FULL_WEIGHT : weight,
      ...heldBackState(observation, weight),
      takesStableAway: false,
    };
  }
  return {
    weight: hasAll && canStay ? FULL_WEIGHT : 0,
    mirror: 0,
    capacityWeight: hasAll ? FULL_WEIGHT : strategy.type === "Recreate" ? 0 : roomOfStep(stepsOf(spec), 1),
    takesStableAway: false,
  };
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
