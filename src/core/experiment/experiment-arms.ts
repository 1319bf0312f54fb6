/**
 * The arms of an experiment as model revisions: each is the stable revision with another model, so that a later release of
 * that model finds the same revision. Pure.
 */
import { EXPERIMENT_ARMS } from "../../api/arm.ts";
import type { ModelExperimentSpec } from "../../api/model-experiment.ts";
import { parsePercentage } from "../../api/percentage.ts";
import type { PoolSpec } from "../../api/pool.ts";
import { desiredReplicas, replicasForWeight } from "../capacity/desired-replicas.ts";
import type { Observation, ObservedRevision } from "../observation.ts";
import { readyReplicas } from "../readiness.ts";
import { modelRevisionName } from "../revision/model-revision.ts";
import type { RevisionPlan } from "../revision/plan-revisions.ts";
import { knownRevisions } from "../revision/stated-revision.ts";

/** An arm with the revision that it serves. */
export interface ExperimentArm {
  /** As people call it. */
  readonly name: string;
  /** As routers call it. */
  readonly arm: (typeof EXPERIMENT_ARMS)[number];
  /** Share of the traffic, in parts of 10,000. */
  readonly weight: number;
  readonly revision: ObservedRevision;
  /** It has no ControllerRevision yet. */
  readonly isNew: boolean;
}

/** The arms, beside the stable revision. */
export function armsOf(
  observation: Observation,
  { stable, stated }: Pick<RevisionPlan, "stable" | "stated">,
  spec: ModelExperimentSpec,
): readonly ExperimentArm[] {
  const { name: deployment } = observation.deployment.metadata;
  const known = knownRevisions(observation, stated);
  let number = Math.max(0, ...known.map((revision) => revision.number));
  return EXPERIMENT_ARMS.slice(0, spec.arms.length).flatMap((arm, index) => {
    const declared = spec.arms[index];
    if (declared === undefined) return [];
    const data = { ...stable.data, model: declared.model };
    const name = modelRevisionName(deployment, data);
    const found = known.find((revision) => revision.name === name);
    const revision = found ?? { name, number: ++number, data };
    const isNew = !observation.revisions.some((stored) => stored.name === name);
    return [{ name: declared.name, arm, weight: parsePercentage(declared.weight), revision, isNew }];
  });
}

/** The pool that arms run in: the first one with replicas that has no model of its own. Undefined when there is none. */
export function poolOfArms(
  { deployment: { spec } }: Observation,
  stable: ObservedRevision,
): PoolSpec | undefined {
  return spec.pools.find(
    (pool) => stable.data.poolModels[pool.name] === undefined && desiredReplicas(spec, pool) > 0,
  );
}

/**
 * Replicas that an arm is to have in its pool, and those that are ready. Where fewer are asked for than are told, as many as are
 * told: whoever goes on from what is stored, after a kill say, counts on those.
 */
export function replicasOfArm(
  observation: Observation,
  { revision, weight }: ExperimentArm,
  pool: PoolSpec | undefined,
): { readonly replicas: number; readonly readyReplicas: number } {
  if (pool === undefined) return { replicas: 0, readyReplicas: 0 };
  const { spec, status } = observation.deployment;
  const told = Math.max(spec.replicas, status.autoscaling?.replicas ?? 0);
  return {
    replicas: replicasForWeight({ ...spec, replicas: told }, pool, weight),
    readyReplicas: readyReplicas(observation, revision.name, pool.name),
  };
}
