/**
 * What is asked of the collector of a namespace for an experiment, and what it answers: the answers and labels of each arm,
 * under the plans that gave the arms their shares. Pure.
 */
import { ARM_NUMBER, EXPERIMENT_ARMS } from "../../api/arm.ts";
import { parseDurationMilliseconds } from "../../api/duration.ts";
import type { ExperimentShare, JudgedMetric } from "../../api/experiment-status.ts";
import type { ModelExperimentSpec } from "../../api/model-experiment.ts";
import type { QualitySpec } from "../../api/quality.ts";
import { directionOfMetric, isGatingMetric, labelOfMetric } from "../../api/quality-metrics.ts";
import type { EvidenceCell, GateMetric } from "../../stats/evidence.ts";
import type { AskedMetric, CheckedArms } from "../rollout/gates/collector-counts.ts";
import type { CountedEpochs } from "../rollout/gates/gate-evidence.ts";

/** What is asked. But for its shares it stays the same while an experiment goes on. */
export interface ExperimentQuestion {
  readonly type: "Experiment";
  readonly namespace: string;
  readonly deployment: string;
  /** Uid of the ModelExperiment. */
  readonly experiment: string;
  /** When the arms first got their shares. */
  readonly fromMilliseconds: number;
  /** Numbers of the arms, that of the control and of the holdout among them. */
  readonly arms: readonly number[];
  readonly shares: readonly ExperimentShare[];
  readonly metrics: readonly AskedMetric[];
}

/** Answers and labels of one arm in one epoch, or in several of one share. */
export interface NumberedCell extends EvidenceCell, CountedEpochs {
  /** Number of the arm. */
  readonly arm: number;
}

/** How many came to an arm. */
export interface NumberedCount extends CountedEpochs {
  readonly arm: number;
  readonly count: number;
}

/** What the collector counted since an experiment began. */
export interface ExperimentCounts {
  /** By name of the metric; all labels that have come. */
  readonly cells: ReadonlyMap<
    string,
    { readonly metric: GateMetric; readonly ofArms: readonly NumberedCell[] }
  >;
  /** Why metrics that were asked for are not among them, by name. */
  readonly unusable: ReadonlyMap<string, string>;
  /** Requests, from when on all of them are counted; where each request is drawn by itself. */
  readonly requests: readonly NumberedCount[];
  /** Users who were seen for the first time in an epoch. */
  readonly newUsers: readonly NumberedCount[];
  readonly armChecks: readonly CheckedArms[];
}

/** Names of the metrics of an experiment, the primary one first. */
export function metricNames({ primary, guardrails = [] }: ModelExperimentSpec): readonly string[] {
  return [primary.metric, ...guardrails.map(({ metric }) => metric)];
}

/** Metrics as the collector is asked about them, or why one cannot be asked about. */
export function askedMetrics(
  quality: QualitySpec | undefined,
  spec: ModelExperimentSpec,
): readonly AskedMetric[] | string {
  if (quality === undefined) return "the ModelDeployment has no spec.quality, so nothing is counted";
  const asked: AskedMetric[] = [];
  for (const name of metricNames(spec)) {
    const metric = quality.metrics.find((declared) => declared.name === name);
    if (metric === undefined) return `spec.quality.metrics of the ModelDeployment has no metric ${name}`;
    if (!isGatingMetric(metric.type)) return `metric ${name}: arms cannot be compared by ${metric.type}`;
    const label = labelOfMetric(metric);
    const matures = quality.labels.find((declared) => declared.name === label)?.matures;
    if (matures === undefined) return `metric ${name}: nobody sends its label ${label}`;
    const maturesSeconds = parseDurationMilliseconds(matures) / 1_000;
    asked.push({ name, type: metric.type, label, better: directionOfMetric(metric), maturesSeconds });
  }
  return asked;
}

/**
 * What the metrics are, as a status keeps it; nothing where they cannot be counted. How long labels take is no part of it: a
 * metric says the same of more labels or fewer, for all arms alike.
 */
export function judgedMetrics(
  quality: QualitySpec | undefined,
  spec: ModelExperimentSpec,
): readonly JudgedMetric[] {
  const asked = askedMetrics(quality, spec);
  if (typeof asked === "string") return [];
  return asked.map(({ name: metric, type, label, better }) => ({ metric, type, label, better }));
}

/** Numbers of the arms of an experiment, in the order in which routers have them. */
export function armNumbers({ arms, holdout }: ModelExperimentSpec): readonly number[] {
  return [
    ...EXPERIMENT_ARMS.slice(0, arms.length).map((name) => ARM_NUMBER[name]),
    ARM_NUMBER.Stable,
    ...(holdout === undefined ? [] : [ARM_NUMBER.Holdout]),
  ];
}
