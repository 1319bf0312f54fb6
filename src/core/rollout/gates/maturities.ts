/**
 * How long the labels take that a release is judged by. Pure.
 *
 * A release keeps what the spec says when it begins. When the spec says something else by then, answers are counted by that,
 * but no step ends before the labels of its answers have had the time that they had when it was begun, and no gate is put
 * off to the holdback that was not put off then.
 */
import { parseDurationMilliseconds } from "../../../api/duration.ts";
import type { ModelRolloutSpec } from "../../../api/model-rollout-spec.ts";
import type { QualitySpec } from "../../../api/quality.ts";
import { labelOfMetric } from "../../../api/quality-metrics.ts";
import type { GateSpec } from "../../../api/rollout-gates.ts";

/** How long the label of each metric takes, in milliseconds, by name of the metric. Others are not known. */
export type Maturities = ReadonlyMap<string, number>;

/** What a release keeps that begins now; undefined where no gate judges by a label. */
export function maturitiesToKeep(
  gates: readonly GateSpec[],
  quality: QualitySpec | undefined,
): ModelRolloutSpec["maturities"] {
  const names = new Set(gates.flatMap((gate) => gate.quality?.metric ?? []));
  const kept = [...names].flatMap((metric) => {
    const matures = declaredMaturity(quality, metric);
    return matures === undefined ? [] : [{ metric, matures }];
  });
  return kept.length === 0 ? undefined : kept;
}

/** What a release has kept: nothing, where an operator began it that kept none. */
export function keptMaturities({ maturities = [] }: Pick<ModelRolloutSpec, "maturities">): Maturities {
  return new Map(maturities.map(({ metric, matures }) => [metric, parseDurationMilliseconds(matures)]));
}

/**
 * How long the label of a metric takes for a release, in milliseconds; not a number where the spec says nothing of it now,
 * for then nothing is counted of it.
 */
export function maturityOf(
  release: Pick<ModelRolloutSpec, "maturities">,
  quality: QualitySpec | undefined,
  metric: string | undefined,
): number {
  const matures = metric === undefined ? undefined : declaredMaturity(quality, metric);
  if (metric === undefined || matures === undefined) return Number.NaN;
  return keptMaturities(release).get(metric) ?? parseDurationMilliseconds(matures);
}

function declaredMaturity(quality: QualitySpec | undefined, metric: string): string | undefined {
  const declared = quality?.metrics.find(({ name }) => name === metric);
  const label = declared && labelOfMetric(declared);
  return quality?.labels.find(({ name }) => name === label)?.matures;
}
