/**
 * Which gates a holdback judges, and which of them it alone decides: those whose labels take longer than a step lasts. Pure.
 *
 * Such a gate looks for harm from the first step on, for that needs no mature labels, and holds no step. It must never be
 * taken for one that has passed.
 */
import { parseDurationMilliseconds } from "../../../api/duration.ts";
import type { ModelRolloutSpec } from "../../../api/model-rollout-spec.ts";
import type { QualitySpec } from "../../../api/quality.ts";
import { labelOfMetric } from "../../../api/quality-metrics.ts";
import type { GateSpec } from "../../../api/rollout-gates.ts";

/** Of these gates, those that go on in a holdback: harm is looked for by what becomes of predictions. */
export function judgedInHoldback(gates: readonly GateSpec[]): readonly GateSpec[] {
  return gates.filter(({ type }) => type === "Quality");
}

/**
 * Names of the gates of a release that are decided in its holdback. Without a holdback there are none, and where nobody
 * knows how long labels take a gate holds its step.
 *
 * @param quality as the spec of the ModelDeployment has it now.
 */
export function deferredGates(
  { strategy, gates = [], holdback }: Pick<ModelRolloutSpec, "strategy" | "gates" | "holdback">,
  quality: QualitySpec | undefined,
): ReadonlySet<string> {
  if (holdback === undefined || quality === undefined) return new Set();
  const longest = parseDurationMilliseconds(holdback.for);
  const steps = strategy.canary?.steps ?? [];
  const shortest = Math.min(
    ...steps.flatMap(({ minDuration, pause }) =>
      minDuration === undefined || pause === true ? [] : [parseDurationMilliseconds(minDuration)],
    ),
  );
  const isDeferred = ({ quality: settings }: GateSpec) => {
    const matures = maturityOf(quality, settings?.metric);
    return matures > shortest && matures <= longest;
  };
  return new Set(gates.filter(isDeferred).map(({ name }) => name));
}

/** How long the label of a metric takes, in milliseconds; not a number where that is not known. */
function maturityOf({ labels, metrics }: QualitySpec, metric: string | undefined): number {
  const declared = metrics.find(({ name }) => name === metric);
  const label = declared && labelOfMetric(declared);
  const matures = labels.find(({ name }) => name === label)?.matures;
  return matures === undefined ? Number.NaN : parseDurationMilliseconds(matures);
}
