/**
 * Which gates a holdback judges, and which of them it alone decides: those whose labels take longer than a step lasts. Pure.
 *
 * Such a gate looks for harm from the first step on, for that needs no mature labels, and holds no step. It must never be
 * taken for one that has passed.
 */
import { parseDurationMilliseconds } from "../../../api/duration.ts";
import type { ModelRolloutSpec } from "../../../api/model-rollout-spec.ts";
import type { QualitySpec } from "../../../api/quality.ts";
import type { GateSpec } from "../../../api/rollout-gates.ts";
import { maturityOf } from "./maturities.ts";

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
  release: Pick<ModelRolloutSpec, "strategy" | "gates" | "holdback" | "maturities">,
  quality: QualitySpec | undefined,
): ReadonlySet<string> {
  const { strategy, gates = [], holdback } = release;
  if (holdback === undefined) return new Set();
  const longest = parseDurationMilliseconds(holdback.for);
  const steps = strategy.canary?.steps ?? [];
  const shortest = Math.min(
    ...steps.flatMap(({ minDuration, pause }) =>
      minDuration === undefined || pause === true ? [] : [parseDurationMilliseconds(minDuration)],
    ),
  );
  const isDeferred = ({ quality: settings }: GateSpec) => {
    const matures = maturityOf(release, quality, settings?.metric);
    return matures > shortest && matures <= longest;
  };
  return new Set(gates.filter(isDeferred).map(({ name }) => name));
}
