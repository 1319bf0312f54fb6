/**
 * The third revision, which the spec asks for in a holdback: it comes up beside both for the first step of its own release,
 * without traffic, and the holdback ends in its favour once it can begin. Pure.
 *
 * One that waits for its validation, never comes up, or finds no room must not end it: what serves would not be watched any
 * more, and nothing would come in its place.
 */
import { desiredReplicas } from "../capacity/desired-replicas.ts";
import type { Observation, ObservedRevision } from "../observation.ts";
import { carriesWeight } from "../readiness.ts";
import type { RevisionPlan } from "../revision/plan-revisions.ts";
import { beginningStrategy } from "./begin-release.ts";
import { isHeldBack, returningVerdict } from "./current-release.ts";
import { roomOfStep, stepsOf } from "./rollout-steps.ts";

/** What comes up while a holdback goes on. */
export interface NextRevision {
  readonly revision: ObservedRevision;
  /** Share of the traffic that its replicas are to carry when its release begins, in parts of 10,000. */
  readonly weight: number;
}

/**
 * The revision that is to end the holdback; undefined where none is asked for, or it waits for the end: in the queue,
 * behind what goes back, or for a stable revision that has to go before it comes.
 *
 * @param leads revision that is in its holdback.
 */
export function nextRevision(
  observation: Observation,
  { stable, desired, isUndone }: Pick<RevisionPlan, "stable" | "desired"> & { readonly isUndone: boolean },
  leads: string,
): NextRevision | undefined {
  const { deployment } = observation;
  const isThird = desired.name !== leads && desired.name !== stable.name;
  const mayWait = isUndone || deployment.spec.rollout?.onNewRevision === "Queue";
  if (!isThird || mayWait || !isHeldBack(observation)) return undefined;
  if (returningVerdict(observation) !== undefined) return undefined;
  const strategy = beginningStrategy(deployment, {}, desired.name);
  if (strategy.type === "Recreate") return undefined;
  return { revision: desired, weight: roomOfStep(stepsOf({ strategy }), 1) };
}

/** Whether it has the ready replicas that the first step of its release needs. */
export function canBegin(observation: Observation, next: NextRevision | undefined): boolean {
  if (next === undefined) return false;
  const { spec } = observation.deployment;
  const isAskedFor = spec.pools.some((pool) => desiredReplicas(spec, pool) > 0);
  return isAskedFor && carriesWeight(observation, next.revision.name, next.weight);
}
