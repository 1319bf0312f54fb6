/**
 * What keeps an experiment from beginning, and what ends one that has begun. Pure.
 *
 * A release comes first: what people ship must not wait for weeks, and an experiment beside it would compare arms with a
 * control that is about to go. So the two never share the traffic.
 */
import type { JudgedMetric, ModelExperimentStatus } from "../../api/experiment-status.ts";
import type { ModelExperimentSpec } from "../../api/model-experiment.ts";
import { FULL_WEIGHT } from "../../api/traffic-plan.ts";
import type { Observation, ObservedExperiment } from "../observation.ts";
import { type RevisionPlan, stableWaits } from "../revision/plan-revisions.ts";
import { areCountedAlike } from "../rollout/counted-alike.ts";
import { type ExperimentArm, poolOfArms } from "./experiment-arms.ts";
import { askedMetrics, judgedMetrics } from "./experiment-question.ts";
import { EXPERIMENT_ARM_NAMES } from "./experiment-shares.ts";
import type { Interruption, Obstacle } from "./experiment-view.ts";

/** Why an experiment may not begin, or begin again, though it is its turn; undefined when nothing is in the way. */
export function obstacleTo(
  observation: Observation,
  revisions: RevisionPlan,
  { spec, status }: Pick<ObservedExperiment, "spec" | "status">,
  arms: readonly ExperimentArm[],
): Obstacle | undefined {
  const { quality } = observation.deployment.spec;
  const { stable, candidate, next, awaited } = revisions;
  const metrics = askedMetrics(quality, spec);
  if (typeof metrics === "string") return { reason: "MetricUnusable", message: metrics };
  const twin = arms.find(({ revision }, index) =>
    [stable.name, ...arms.slice(0, index).map((other) => other.revision.name)].includes(revision.name),
  );
  if (twin !== undefined) {
    const whose = twin.revision.name === stable.name ? "the stable revision" : "another arm";
    return { reason: "ModelNotOther", message: `arm ${twin.name} has the model of ${whose}` };
  }
  if (observation.deployment.spec.validation !== undefined) {
    const message = "spec.validation asks for a judgement before any traffic, and arms get none";
    return { reason: "NotValidated", message };
  }
  const coming = candidate ?? next?.revision ?? (awaited === undefined ? undefined : revisions.desired);
  if (coming !== undefined) {
    return { reason: "ReleaseInProgress", message: `the release of ${coming.name} comes first` };
  }
  if (poolOfArms(observation, stable) === undefined) {
    const message = "no pool with replicas serves the model of the ModelDeployment itself";
    return { reason: "NoPool", message };
  }
  const hasBegun = status.startedAt !== undefined;
  if (stableWaits(revisions) || !stableHasAll(observation, stable.name, hasBegun)) {
    const message = `the stable revision ${stable.name} does not have all the traffic yet`;
    return { reason: "StableNotServing", message };
  }
  const revisionNames = [stable.name, ...arms.map(({ revision }) => revision.name)];
  if (!areCountedAlike(observation, revisionNames)) {
    const message = "pods of an earlier version are counted in another way; petrel refresh replaces them";
    return { reason: "CountedDifferently", message };
  }
  return undefined;
}

/**
 * Whether nobody but stable answers by the stored plan. Arms of an experiment may be its own once it has begun; before that
 * they are of another one, and until they are gone its plans could not be told from its own.
 */
function stableHasAll({ deployment }: Observation, stable: string, hasBegun: boolean): boolean {
  const isOwn = (name: string) => hasBegun && EXPERIMENT_ARM_NAMES.has(name);
  const arms = (deployment.status.traffic?.arms ?? []).filter(({ name }) => !isOwn(name));
  const [only] = arms;
  return arms.length === 1 && only?.pools[0]?.revision === stable && (only.weight ?? FULL_WEIGHT) > 0;
}

/**
 * Why an experiment that has begun cannot go on; undefined when it can.
 *
 * @param begun its control and its metrics when it began.
 */
export function interruptionOf(
  { deployment }: Observation,
  { stable, candidate }: RevisionPlan,
  spec: ModelExperimentSpec,
  begun: Pick<ModelExperimentStatus, "stable" | "metrics">,
): Interruption | undefined {
  if (candidate !== undefined) {
    return { reason: "ReleaseBegan", message: `the release of ${candidate.name} began` };
  }
  if (begun.stable !== undefined && begun.stable !== stable.name) {
    return { reason: "StableChanged", message: `the stable revision is ${stable.name} by now` };
  }
  const { quality } = deployment.spec;
  const asked = askedMetrics(quality, spec);
  const message = typeof asked === "string" ? asked : changeOf(begun.metrics, judgedMetrics(quality, spec));
  return message === undefined ? undefined : { reason: "MetricChanged", message };
}

/** Which metric is another one by now, in words. */
function changeOf(begun: readonly JudgedMetric[] = [], metrics: readonly JudgedMetric[]): string | undefined {
  const words = ({ type, label, better }: JudgedMetric) => `${type} of ${label}, ${better} is better`;
  for (const was of begun) {
    const is = metrics.find(({ metric }) => metric === was.metric);
    if (is !== undefined && words(is) !== words(was))
      return `metric ${was.metric} was ${words(was)}, when it began, and is ${words(is)}, by now`;
  }
  return undefined;
}
