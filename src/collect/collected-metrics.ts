/**
 * The settings as the store knows them: numbers of labels, and the sums of each metric.
 *
 * A metric has two sums. The one counts all labels that have come, for the question whether a release does harm: both
 * arms are equally young. The other counts only labels whose delay is within the label's maturity, for the question
 * whether it may be promoted: of impressions older than that it never changes again. The maturity is part of the sum's
 * definition, so another maturity is another sum, made from the requests that are kept.
 */

import { slotOf } from "../token/slot.ts";
import { blockOf } from "./evidence-blocks.ts";
import { REQUEST_KEY_BYTES } from "./labelled-request.ts";
import type { LiveMetric, MetricDefinition } from "./live-metric.ts";
import type { ScoreMetric } from "./score-metric.ts";
import type { ScoreTable, StoredScoreSum } from "./score-table.ts";
import type { DeploymentSettings, Settings } from "./settings.ts";
import type { Store, StoredSum } from "./store.ts";

/** A label of a deployment. */
export interface CollectedLabel {
  readonly id: number;
  readonly name: string;
  readonly maturesSeconds: number;
}

/** A sum of a metric, as it is kept now. */
export interface CollectedSum {
  readonly stored: StoredSum;
  readonly metric: LiveMetric;
  /** What a request adds: its outcome, or 1 where the order of its rows is not known. */
  readonly counts: "Outcome" | "Unordered";
  readonly labelId: number;
  /** Labels that took longer do not count; undefined for all labels. */
  readonly longestDelaySeconds: number | undefined;
}

/** A metric with its sums. */
export interface CollectedMetric {
  readonly definition: MetricDefinition;
  /** A request adds 0 or 1, and arms can be compared by the share. */
  readonly zeroOrOne: boolean;
  readonly maturesSeconds: number;
  readonly arrived: CollectedSum;
  readonly matured: CollectedSum;
  /** Requests that add 0 because it is not known where their rows with the label stood, of all labels that have come. */
  readonly unordered: CollectedSum | undefined;
}

/** A metric of scores with its sums. */
export interface CollectedScores {
  readonly stored: StoredScoreSum;
  readonly scores: ScoreMetric;
  readonly labelId: number;
  readonly maturesSeconds: number;
}

/** A deployment whose requests are collected. */
export interface CollectedDeployment {
  readonly name: string;
  readonly tag: number;
  readonly labels: ReadonlyMap<string, CollectedLabel>;
  readonly metrics: readonly CollectedMetric[];
  /** The sums of all metrics. */
  readonly sums: readonly CollectedSum[];
  /** Metrics of scores. */
  readonly scores: readonly CollectedScores[];
  /** Names of metrics of which less is better. */
  readonly lowerIsBetter: readonly string[];
  /** Days in which its series may raise one false alarm together; undefined where they are not watched. */
  readonly falseAlarmDays: number | undefined;
}

/** All of them, by tag. */
export type Collected = ReadonlyMap<number, CollectedDeployment>;

/** Brings the store up to the settings, in a transaction of the caller, and reads how it stands then. */
export function collectedFrom(
  settings: Settings,
  store: Store,
  horizonSeconds: number,
  hasRequests: boolean,
): Collected {
  const knownScores = new Map(store.scores.sums().map((sum) => [`${sum.deployment}/${sum.definition}`, sum]));
  const known = new Map(store.sums().map((sum) => [`${sum.deployment}/${sum.definition}`, sum]));
  const sumOf = (
    tag: number,
    metric: LiveMetric,
    labelId: number,
    longest: number | undefined,
    counts: CollectedSum["counts"],
  ): CollectedSum => {
    const { name: _, ...made } = metric.definition;
    const definition = JSON.stringify({
      ...made,
      ...(counts === "Unordered" ? { counts } : {}),
      longestDelaySeconds: longest,
    });
    const name = `${tag}/${definition}`;
    const stored =
      known.get(name) ??
      store.addSum({
        deployment: tag,
        definition,
        rebuildFrom: hasRequests ? new Uint8Array(REQUEST_KEY_BYTES) : undefined,
        firstSlot: horizonSeconds === 0 ? 0 : slotOf(horizonSeconds) + 1,
      });
    known.set(name, stored);
    return { stored, metric, counts, labelId, longestDelaySeconds: longest };
  };
  const collected = new Map(
    settings.deployments.map((deployment): [number, CollectedDeployment] => {
      const { name, tag, labels, metrics, lowerIsBetter, falseAlarmDays } = deployment;
      const collectedLabels = new Map(
        labels.map((label) => [label.name, { ...label, id: store.labelId(tag, label.name) }]),
      );
      const collectedMetrics = metrics.flatMap((metric) => {
        const { definition, needsOrder } = metric;
        const label = collectedLabels.get(definition.label);
        if (label === undefined) return [];
        const { id, maturesSeconds } = label;
        return [
          {
            definition,
            maturesSeconds,
            zeroOrOne: metric.zeroOrOne,
            arrived: sumOf(tag, metric, id, undefined, "Outcome"),
            matured: sumOf(tag, metric, id, maturesSeconds, "Outcome"),
            unordered: needsOrder ? sumOf(tag, metric, id, undefined, "Unordered") : undefined,
          },
        ];
      });
      // Two metrics of one definition share their sums.
      const sums = new Map(
        collectedMetrics.flatMap((metric) =>
          sumsOfMetric(metric).map((sum): [number, CollectedSum] => [sum.stored.id, sum]),
        ),
      );
      return [
        tag,
        {
          ...{ name, tag, labels: collectedLabels, metrics: collectedMetrics, sums: [...sums.values()] },
          scores: scoresFrom(deployment, collectedLabels, store, knownScores),
          lowerIsBetter,
          falseAlarmDays,
        },
      ];
    }),
  );
  forgetOthers(collected, store.scores);
  return collected;
}

/**
 * The metrics of scores, each with sums of its own. Answers are not kept, so new sums begin with a half hour of which nothing
 * is known yet.
 */
function scoresFrom(
  { tag, scores }: DeploymentSettings,
  labels: ReadonlyMap<string, CollectedLabel>,
  store: Store,
  known: ReadonlyMap<string, StoredScoreSum>,
): readonly CollectedScores[] {
  const newest = scores.length === 0 ? undefined : store.newestSlot(tag);
  const firstSlot = newest === undefined ? 0 : blockOf(newest).last + 1;
  return scores.flatMap((one): CollectedScores[] => {
    const label = labels.get(one.definition.label);
    if (label === undefined) return [];
    const { id: labelId, maturesSeconds } = label;
    const definition = JSON.stringify({ ...one.definition, longestDelaySeconds: maturesSeconds });
    const stored =
      known.get(`${tag}/${definition}`) ?? store.scores.addSum({ deployment: tag, definition, firstSlot });
    return [{ stored, scores: one, labelId, maturesSeconds }];
  });
}

/** Sums that nobody adds to would have a gap when they are asked for again. */
function forgetOthers(collected: Collected, table: ScoreTable): void {
  const wanted = new Set(
    [...collected.values()].flatMap(({ scores }) => scores.map(({ stored }) => stored.id)),
  );
  for (const { id } of table.sums()) if (!wanted.has(id)) table.deleteSum(id);
}

/** Metrics of which less is better. */
export function metricsOfLess(
  collected: Collected,
): readonly { readonly deployment: string; readonly metric: string }[] {
  return [...collected.values()].flatMap(({ name, lowerIsBetter }) =>
    lowerIsBetter.map((metric) => ({ deployment: name, metric })),
  );
}

/** All sums of a metric, those of all labels first. */
export function sumsOfMetric({ arrived, matured, unordered }: CollectedMetric): readonly CollectedSum[] {
  return unordered === undefined ? [arrived, matured] : [arrived, unordered, matured];
}

/** The same, with the sums as they are stored now. */
export function asStored(collected: Collected, store: Store): Collected {
  const stored = new Map(store.sums().map((sum) => [sum.id, sum]));
  const scores = new Set(store.scores.sums().map(({ id }) => id));
  const now = (sum: CollectedSum) => ({ ...sum, stored: stored.get(sum.stored.id) ?? sum.stored });
  return new Map(
    [...collected].map(([tag, deployment]) => [
      tag,
      {
        ...deployment,
        sums: deployment.sums.map(now),
        // Those of settings that could not be stored are not there.
        scores: deployment.scores.filter((one) => scores.has(one.stored.id)),
        metrics: deployment.metrics.map((metric) => ({
          ...metric,
          arrived: now(metric.arrived),
          matured: now(metric.matured),
          unordered: metric.unordered === undefined ? undefined : now(metric.unordered),
        })),
      },
    ]),
  );
}

/** The deployment with these of its metrics alone; with all of them where none is named. */
export function withMetrics(
  deployment: CollectedDeployment,
  metrics: readonly string[],
): CollectedDeployment {
  if (metrics.length === 0) return deployment;
  return {
    ...deployment,
    metrics: deployment.metrics.filter(({ definition }) => metrics.includes(definition.name)),
  };
}

/** Which sums stand for the metrics, as text. */
export function sumsText({ tag, metrics }: CollectedDeployment): string {
  return JSON.stringify([
    tag,
    ...metrics.map(({ definition, arrived, matured }) => [
      definition.name,
      arrived.stored.id,
      matured.stored.id,
    ]),
  ]);
}
