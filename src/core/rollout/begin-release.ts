/**
 * How a release begins: under which number, and as what. Once begun it is carried out like that, whatever the spec says
 * by then.
 *
 * A release that carries an undo out is one of the revision that the undo goes back to, and no other one: it takes no
 * steps and asks no gates.
 */
import type { ModelRolloutSpec } from "../../api/model-rollout-spec.ts";
import type { RolloutStrategy } from "../../api/rollout.ts";
import { rolloutName } from "../child-names.ts";
import type { Observation, ObservedRevision, ObservedRollout } from "../observation.ts";
import type { RevisionPlan } from "../revision/plan-revisions.ts";
import { currentRelease, isOver, type ReleaseReference, retryToken } from "./current-release.ts";
import { present } from "./gates/figure-text.ts";
import { maturitiesToKeep } from "./gates/maturities.ts";

/** How a release takes place unless the spec says. */
const ALL_AT_ONCE: RolloutStrategy = { type: "BlueGreen" };

/** Which release is the current one from now on. */
export function planReference(
  observation: Observation,
  { candidate, desired, stable, undo }: RevisionPlan,
): ReleaseReference | undefined {
  const stored = observation.deployment.status.rollout;
  if (candidate === undefined) {
    const isAskedFor = stored?.revision === desired.name || stored?.revision === stable.name;
    // When the spec asks for it again, that is another release.
    return stored === undefined || isAskedFor ? stored : { number: stored.number };
  }
  const release = currentRelease(observation);
  const undoing = undo?.revision === candidate.name ? { undo: undo.request } : {};
  // One that has begun already becomes the way back.
  if (stored !== undefined && release?.revision === candidate.name && !isOver(release))
    return { ...stored, ...undoing };
  const numbers = observation.rollouts.map(({ spec }) => spec.number);
  const number = 1 + Math.max(stored?.number ?? 0, ...numbers);
  const retry = retryToken(observation);
  return {
    number,
    name: rolloutName(observation.deployment.metadata.name, number),
    revision: candidate.name,
    ...(retry === undefined ? {} : { retry }),
    ...undoing,
  };
}

/** The spec of the ModelRollout of the candidate. */
export function releaseSpec(
  { deployment }: Observation,
  revisions: RevisionPlan,
  { number }: ReleaseReference,
  candidate: ObservedRevision,
  current: ObservedRollout | undefined,
): ModelRolloutSpec {
  const asked = revisions.undo?.revision === candidate.name ? undefined : deployment.spec.rollout?.gates;
  const gates = current === undefined ? asked : current.spec.gates;
  const strategy = current?.spec.strategy ?? beginningStrategy(deployment, revisions, candidate.name);
  const held = strategy.type === "Canary" ? deployment.spec.rollout?.holdback : undefined;
  const holdback = current === undefined ? held : current.spec.holdback;
  const maturities =
    current === undefined ? maturitiesToKeep(gates ?? [], deployment.spec.quality) : current.spec.maturities;
  return {
    modelDeployment: deployment.metadata.name,
    revision: candidate.name,
    number,
    strategy,
    ...present({ gates, holdback, maturities }),
  };
}

/** How a release of a revision takes place that begins now. Where there is room for one alone, so it is for a way back. */
export function beginningStrategy(
  { spec }: Observation["deployment"],
  { undo }: Pick<RevisionPlan, "undo">,
  revision: string,
): RolloutStrategy {
  const strategy = spec.rollout?.strategy ?? ALL_AT_ONCE;
  return undo?.revision === revision && strategy.type !== "Recreate" ? ALL_AT_ONCE : strategy;
}
