/**
 * `StandbyReady`: whether the pools behind the first one could take its traffic, told before they have to. Pure.
 *
 * Only replicas of the revision that serves count, so what answers then is what was released, by its digest, or the model that
 * the revision has for that pool; and only ready ones, whose model is loaded. It takes nothing from any other condition.
 */
import { COVERAGE_STEP_PERCENT, type StandbyStatus } from "../../api/standby-status.ts";
import type { Observation } from "../observation.ts";
import { readyReplicas } from "../readiness.ts";
import { leadingRevision } from "../rollout/leading-revision.ts";
import type { Finding, Plans } from "./plan-conditions.ts";

const TYPE = "StandbyReady";
const ALL = 100;

/**
 * Share of the traffic that the standby could carry; undefined where nothing stands behind the first pool, or that has nothing
 * to carry. The traffic needs what is asked for in the first pool, by autoscaling or by the spec.
 */
export function standbyStatus(
  observation: Observation,
  { revisions, rollout }: Pick<Plans, "revisions" | "rollout">,
): StandbyStatus | undefined {
  const { pools, replicas: needed } = observation.deployment.spec;
  if (pools.length === 1 || needed === 0) return undefined;
  const covered = Math.min(ALL, (ALL * readyBehind(observation, { revisions, rollout })) / needed);
  return { coverage: Math.floor(covered / COVERAGE_STEP_PERCENT) * COVERAGE_STEP_PERCENT };
}

/** Ready replicas of the revision that serves in the pools behind the first one. */
function readyBehind(
  observation: Observation,
  { revisions, rollout }: Pick<Plans, "revisions" | "rollout">,
): number {
  const { name } = leadingRevision(revisions, rollout);
  const [, ...behind] = observation.deployment.spec.pools;
  return behind.reduce((sum, pool) => sum + readyReplicas(observation, name, pool.name), 0);
}

/** Nothing without a standby. Words change by steps of the coverage. */
export function standbyFinding(
  observation: Observation,
  plans: Pick<Plans, "revisions" | "rollout">,
): readonly Finding[] {
  const standby = standbyStatus(observation, plans);
  if (standby === undefined) return [];
  const { coverage } = standby;
  const { name } = leadingRevision(plans.revisions, plans.rollout);
  if (coverage === ALL) {
    const message = `the pools behind the first one have ready replicas of ${name} for all of the traffic`;
    return [{ type: TYPE, status: "True", reason: "StandbyCovers", message }];
  }
  if (readyBehind(observation, plans) === 0) {
    const message = `no replica of ${name} is ready in the pools behind the first one: without that, nobody answers`;
    return [{ type: TYPE, status: "False", reason: "StandbyNotReady", message }];
  }
  const message = `the pools behind the first one have ready replicas of ${name} for ${coverage}% of the traffic, to the step of ${COVERAGE_STEP_PERCENT}% below: without the first, the rest would be shed`;
  return [{ type: TYPE, status: "False", reason: "StandbyShort", message }];
}
