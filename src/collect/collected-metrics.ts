/**
 * The settings as the store knows them: numbers of labels, and the sums of each metric.
 *
 * A metric has two sums. The one counts all labels that have come, for the question whether a release does harm: both
 * arms are equally young. The other counts only labels whose delay is within the label's maturity, for the question
 * whether it may be promoted: of impressions older than that it never changes again. The maturity is part of the sum's
 * definition, so another maturity is another sum, made from the requests that are kept.
 */

import { slotOf } from "../token/slot.ts";
import { exact } from "./group-vector.ts";
import { LABEL_SUMS, type MetricDefinition } from "./label-sums.ts";
import type { LabelledRequest } from "./labelled-request.ts";
import { REQUEST_KEY_BYTES } from "./labelled-request.ts";
import type { Settings } from "./settings.ts";
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
  readonly metric: MetricDefinition;
  readonly labelId: number;
  /** Labels that took longer do not count; undefined for all labels. */
  readonly longestDelaySeconds: number | undefined;
}

/** A metric with both of its sums. */
export interface CollectedMetric {
  readonly definition: MetricDefinition;
  readonly maturesSeconds: number;
  readonly arrived: CollectedSum;
  readonly matured: CollectedSum;
}

/** A deployment whose requests are collected. */
export interface CollectedDeployment {
  readonly name: string;
  readonly tag: number;
  readonly labels: ReadonlyMap<string, CollectedLabel>;
  readonly metrics: readonly CollectedMetric[];
  /** The sums of all metrics. */
  readonly sums: readonly CollectedSum[];
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
  const known = new Map(store.sums().map((sum) => [`${sum.deployment}/${sum.definition}`, sum]));
  const sumOf = (tag: number, metric: MetricDefinition, labelId: number, longest: number | undefined) => {
    const { name: _, ...made } = metric;
    const definition = JSON.stringify({ ...made, longestDelaySeconds: longest });
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
    return { stored, metric, labelId, longestDelaySeconds: longest };
  };
  return new Map(
    settings.deployments.map(({ name, tag, labels, metrics, falseAlarmDays }) => {
      const collectedLabels = new Map(
        labels.map((label) => [label.name, { ...label, id: store.labelId(tag, label.name) }]),
      );
      const collectedMetrics = metrics.flatMap((definition) => {
        const label = collectedLabels.get(definition.label);
        if (label === undefined) return [];
        const { id, maturesSeconds } = label;
        return [
          {
            definition,
            maturesSeconds,
            arrived: sumOf(tag, definition, id, undefined),
            matured: sumOf(tag, definition, id, maturesSeconds),
          },
        ];
      });
      // Two metrics of one definition share their sums.
      const sums = new Map(
        collectedMetrics.flatMap(({ arrived, matured }) =>
          [arrived, matured].map((sum): [number, CollectedSum] => [sum.stored.id, sum]),
        ),
      );
      return [
        tag,
        {
          ...{ name, tag, labels: collectedLabels, metrics: collectedMetrics, sums: [...sums.values()] },
          falseAlarmDays,
        },
      ];
    }),
  );
}

/** The same, with the sums as they are stored now. */
export function asStored(collected: Collected, store: Store): Collected {
  const stored = new Map(store.sums().map((sum) => [sum.id, sum]));
  const now = (sum: CollectedSum) => ({ ...sum, stored: stored.get(sum.stored.id) ?? sum.stored });
  return new Map(
    [...collected].map(([tag, deployment]) => [
      tag,
      {
        ...deployment,
        sums: deployment.sums.map(now),
        metrics: deployment.metrics.map((metric) => ({
          ...metric,
          arrived: now(metric.arrived),
          matured: now(metric.matured),
        })),
      },
    ]),
  );
}

/**
 * What a request adds to a sum, as sums hold numbers: a difference of two of these is exact, so that labels that come
 * one by one add what they add together.
 */
export function contribution(sum: CollectedSum, request: LabelledRequest): number {
  const { labelId, longestDelaySeconds = Number.POSITIVE_INFINITY, metric } = sum;
  const events = request.events.filter(
    ({ label, delaySeconds }) => label === labelId && delaySeconds <= longestDelaySeconds,
  );
  return request.excluded || events.length === 0
    ? 0
    : exact(LABEL_SUMS[metric.type].outcome(events, metric, request));
}
