/**
 * Planner `experiment`: which experiment may have traffic, where each stands, and which arms it is to have.
 *
 * What it says is stored before any traffic follows from it. It gives shares only where no release is under way, and it moves
 * no role: whatever an experiment finds, people decide what is released.
 */
import type { ModelExperimentStatus } from "../../api/experiment-status.ts";
import type { ModelDeploymentStatus } from "../../api/model-deployment-status.ts";
import { formatPercentage, parsePercentage } from "../../api/percentage.ts";
import type { PoolSpec } from "../../api/pool.ts";
import type { TrafficArm } from "../../api/traffic-plan.ts";
import { whyShort } from "../conditions/shortage.ts";
import type { ExperimentReport } from "../decision.ts";
import type { Observation, ObservedExperiment, ObservedRevision } from "../observation.ts";
import type { RevisionPlan } from "../revision/plan-revisions.ts";
import { present } from "../rollout/gates/figure-text.ts";
import { knowledgeOf } from "../rollout/gates/reading.ts";
import { earliestAfter } from "../rollout/rollout-time.ts";
import { acknowledgedEpoch } from "../traffic/acknowledged-epoch.ts";
import { advanceExperiment } from "./advance-experiment.ts";
import { currentExperiment } from "./current-experiment.ts";
import { armsOf, type ExperimentArm, poolOfArms, replicasOfArm } from "./experiment-arms.ts";
import { interruptionOf, obstacleTo } from "./experiment-obstacles.ts";
import { armNumbers, askedMetrics, type ExperimentQuestion, judgedMetrics } from "./experiment-question.ts";
import {
  EXPERIMENT_ARM_NAMES,
  experimentSalt,
  givesShares,
  type WantedShares,
  withPlannedShare,
} from "./experiment-shares.ts";
import type { ExperimentView, Obstacle } from "./experiment-view.ts";
import { judgeExperiment } from "./judge-experiment.ts";

/** The arms that are to have replicas. */
export interface PlannedArms {
  readonly arms: readonly ExperimentArm[];
  /** Where they run. */
  readonly pool: PoolSpec;
  /** Those of their revisions that have no ControllerRevision yet, nor get one as what the spec states. */
  readonly newRevisions: readonly ObservedRevision[];
}

/** The shares that the arms get now. */
export interface PlannedShares extends WantedShares {
  readonly arms: readonly ExperimentArm[];
  /** What the user is mixed with. */
  readonly salt: string;
}

/** The experiments, and what follows for the arms of the current one. */
export interface ExperimentPlan {
  /** For the status of the ModelDeployment. */
  readonly reference?: NonNullable<ModelDeploymentStatus["experiment"]>;
  readonly reports: readonly ExperimentReport[];
  /** Absent while none is to have replicas. */
  readonly planned?: PlannedArms;
  /** Absent while stable is to have all the traffic. */
  readonly shares?: PlannedShares;
  /** What is to be asked for the current one. */
  readonly question?: ExperimentQuestion;
  readonly wakeAtMilliseconds?: number;
}

/** The arms that stay when the experiment ends: what it gives to its own goes back by itself. */
export function withoutExperiment(arms: readonly TrafficArm[]): readonly TrafficArm[] {
  return arms.filter(({ name }) => !EXPERIMENT_ARM_NAMES.has(name));
}

/** What is to be said where stable has all the traffic; nothing unless arms have shares of it. */
export function butShares({ shares }: Pick<ExperimentPlan, "shares">): string {
  return shares === undefined ? "" : " but for the shares of an experiment";
}

/** What the status of a ModelDeployment says of its experiments when nothing is decided about them. */
export function heldExperiment({ deployment }: Observation): ExperimentPlan {
  const { experiment } = deployment.status;
  return { reports: [], ...present({ reference: experiment }) };
}

/** Decides about the experiments. */
export function planExperiment(observation: Observation, revisions: RevisionPlan): ExperimentPlan {
  // Of one that is over, everything is said: there may be many, kept for what they found.
  const experiments = (observation.experiments ?? []).filter(
    ({ status, generation }) => status.verdict === undefined || status.observedGeneration !== generation,
  );
  const current = currentExperiment(experiments);
  const outcomes = experiments.map((experiment) => ({
    experiment,
    outcome: advanceExperiment(viewOf(observation, revisions, experiment, current)),
  }));
  const reports = outcomes.map(({ experiment, outcome: { status } }) => ({
    experiment,
    status,
    isCurrent: experiment === current,
  }));
  const own = outcomes.find(({ experiment }) => experiment === current)?.outcome;
  const wakeAtMilliseconds = earliestAfter(
    observation.nowMilliseconds,
    outcomes.map(({ outcome }) => outcome.wakeAtMilliseconds),
  );
  const base = { reports, ...present({ wakeAtMilliseconds }) };
  if (current === undefined || own === undefined) return base;
  const arms = armsOf(observation, revisions, current.spec);
  const pool = poolOfArms(observation, revisions.stable);
  const newRevisions = arms
    .filter(({ isNew, revision }) => isNew && revision.name !== revisions.stated.revision.name)
    .map(({ revision }) => revision);
  const planned = own.needsReplicas && pool !== undefined ? { arms, pool, newRevisions } : undefined;
  const shares = own.givesShares
    ? { arms, holdout: holdoutOf(current), salt: experimentSalt(current.uid) }
    : undefined;
  const isOver = own.status.verdict !== undefined;
  return {
    ...base,
    ...(isOver ? {} : { reference: { name: current.name } }),
    ...present({ planned, shares, question: questionOf(observation, current, own.status) }),
  };
}

function holdoutOf({ spec }: ObservedExperiment): number {
  return spec.holdout === undefined ? 0 : parsePercentage(spec.holdout);
}

function viewOf(
  observation: Observation,
  revisions: RevisionPlan,
  experiment: ObservedExperiment,
  current: ObservedExperiment | undefined,
): ExperimentView {
  const { spec, status, generation } = experiment;
  const isCurrent = experiment === current;
  const { traffic } = observation.deployment.status;
  const { stable } = revisions;
  const arms = armsOf(observation, revisions, spec);
  const wanted = { arms, holdout: holdoutOf(experiment) };
  const pool = poolOfArms(observation, stable);
  // That it begins is stored before its first plan: one before that is of another experiment, be it with the same arms.
  const own = isCurrent && status.startedAt !== undefined ? traffic : undefined;
  const shares = withPlannedShare(status.shares ?? [], own, wanted);
  const waitsFor: Obstacle | undefined = isCurrent
    ? obstacleTo(observation, revisions, experiment, arms)
    : { reason: "AnotherExperiment", message: `ModelExperiment ${current?.name} comes first` };
  return {
    spec,
    status,
    generation,
    nowMilliseconds: observation.nowMilliseconds,
    stable: stable.name,
    metrics: judgedMetrics(observation.deployment.spec.quality, spec),
    ...present({
      obstacle: waitsFor,
      interruption: interruptionOf(observation, revisions, spec, status),
    }),
    arms: arms.map((arm) => ({
      name: arm.name,
      arm: arm.arm,
      revision: arm.revision.name,
      weight: formatPercentage(arm.weight),
      ...replicasOfArm(observation, arm, pool),
    })),
    shortage: shortageOf(observation, arms, pool),
    shares,
    isInEffect: givesShares(own, wanted) && acknowledgedEpoch(observation) === own?.epoch,
    slowestLabelMilliseconds: slowestLabel(observation, experiment),
    ...(isCurrent ? knownOf(observation, experiment, wanted, shares) : {}),
  };
}

/** How long the slowest label of the metrics takes; nothing where they cannot be counted. */
function slowestLabel({ deployment }: Observation, { spec }: ObservedExperiment): number {
  const metrics = askedMetrics(deployment.spec.quality, spec);
  if (typeof metrics === "string") return 0;
  return 1_000 * Math.max(0, ...metrics.map(({ maturesSeconds }) => maturesSeconds));
}

/** Which replicas of the arms are missing, and why, in words. */
function shortageOf(
  observation: Observation,
  arms: readonly ExperimentArm[],
  pool: PoolSpec | undefined,
): string {
  if (pool === undefined) return "no pool can run the arms";
  return arms
    .flatMap((arm) => {
      const { replicas, readyReplicas } = replicasOfArm(observation, arm, pool);
      if (readyReplicas >= replicas && replicas > 0) return [];
      const count = `arm ${arm.name}, pool ${pool.name}: ${readyReplicas} of ${replicas} replicas are ready`;
      const found = whyShort(observation, { revision: arm.revision, pool });
      return [count, ...found.map(({ message }) => message)];
    })
    .join("; ");
}

/** What the evidence says by now, or why nothing is known. */
function knownOf(
  { gateEvidence, nowMilliseconds }: Observation,
  { spec, status }: ObservedExperiment,
  wanted: WantedShares,
  shares: ExperimentView["shares"],
): Pick<ExperimentView, "judgement" | "ignorance" | "isUnread"> {
  if (status.startedAt === undefined || status.verdict !== undefined || shares.length === 0) return {};
  const reading = gateEvidence?.experiment;
  const knowledge = knowledgeOf(reading, "evidence of the collectors", nowMilliseconds);
  if (!knowledge.isKnown) return { ignorance: knowledge.reason, isUnread: reading === undefined };
  const atMilliseconds = reading?.kind === "Whole" ? reading.atMilliseconds : nowMilliseconds;
  return { judgement: judgeExperiment({ spec, wanted, shares, counts: knowledge.value, atMilliseconds }) };
}

/** The collector is asked from when the arms first have shares until the verdict falls. */
function questionOf(
  { deployment }: Observation,
  { spec, uid }: ObservedExperiment,
  { startedAt, shares = [], verdict }: ModelExperimentStatus,
): ExperimentQuestion | undefined {
  const metrics = askedMetrics(deployment.spec.quality, spec);
  const isAsked = startedAt !== undefined && shares.length > 0 && verdict === undefined;
  if (!isAsked || typeof metrics === "string") return undefined;
  const { namespace, name } = deployment.metadata;
  return {
    type: "Experiment",
    namespace,
    deployment: name,
    experiment: uid,
    fromMilliseconds: Date.parse(startedAt),
    arms: armNumbers(spec),
    shares,
    metrics,
  };
}
