/**
 * Which release is the current one: the status of the ModelDeployment names it, so that a restarted operator goes on
 * with the same.
 */
import type { ModelDeploymentStatus } from "../../api/model-deployment-status.ts";
import { MAXIMUM_REFRESH_LENGTH } from "../../api/model-deployment-status.ts";
import type { ModelRolloutSpec } from "../../api/model-rollout-spec.ts";
import { ANNOTATION } from "../../api/names.ts";
import type { StandingUndo } from "../../api/undo-status.ts";
import type { Observation, ObservedRollout } from "../observation.ts";

/** What the status of a ModelDeployment says about its latest release. */
export type ReleaseReference = NonNullable<ModelDeploymentStatus["rollout"]>;

/** The release that the stored status names. */
export interface CurrentRelease {
  readonly name: string;
  readonly revision: string;
  /** Absent when it is not there: it is not made yet, not seen yet, or somebody deleted it. */
  readonly rollout?: ObservedRollout;
}

/** The current release; undefined when there is none. */
export function currentRelease({
  deployment,
  rollouts,
}: Pick<Observation, "deployment" | "rollouts">): CurrentRelease | undefined {
  const { name, revision } = deployment.status.rollout ?? {};
  if (name === undefined || revision === undefined) return undefined;
  const rollout = rollouts.find((present) => present.name === name && present.spec.revision === revision);
  return { name, revision, ...(rollout === undefined ? {} : { rollout }) };
}

/** Whether the current release, which the stored status names, is in its holdback, or is taken back from there. */
export function isHeldBack({ deployment: { status } }: Pick<Observation, "deployment">): boolean {
  return status.rollout?.heldBack !== undefined;
}

/**
 * The verdict that ends the holdback of the current release, and that is to fall once the traffic is back. The status of
 * the ModelDeployment remembers it as well: a ModelRollout that somebody deletes is made anew, and knows nothing.
 */
export function returningVerdict(observation: Pick<Observation, "deployment" | "rollouts">) {
  const { status } = observation.deployment;
  return currentRelease(observation)?.rollout?.status.returning ?? status.rollout?.returning;
}

/** Whether a verdict has fallen. */
export function isOver(release: CurrentRelease | undefined): boolean {
  return release?.rollout?.status.verdict !== undefined;
}

/** The request for a retry that stands there, as it is reported; undefined without one. Nothing at all is no request. */
export function retryToken({ deployment }: Observation): string | undefined {
  const token = deployment.metadata.annotations?.[ANNOTATION.retry]?.slice(0, MAXIMUM_REFRESH_LENGTH);
  return token === "" ? undefined : token;
}

/** Whether a person asks for another try than the one for which `stored` was the request. To take it away asks for nothing. */
export function isRetried(observation: Observation, stored: string | undefined): boolean {
  const token = retryToken(observation);
  return token !== undefined && token !== stored;
}

/**
 * Whether the release of a revision was given up, and nobody has asked for another try.
 *
 * @param undo the request of the undo that stands, if one does: a newer one than that of the release is another try.
 */
export function isGivenUp(observation: Observation, revision: string, undo: string | undefined): boolean {
  const release = currentRelease(observation);
  return (
    release?.revision === revision &&
    release.rollout?.status.verdict?.outcome === "Aborted" &&
    (undo === undefined || undo === observation.deployment.status.rollout?.undo) &&
    !isRetried(observation, observation.deployment.status.rollout?.retry)
  );
}

/**
 * What people said about a release, with what the undo that stands says about its way back: that takes no steps, and does
 * not pause. Those of a release that had begun already are skipped, as when a person promotes.
 */
export function guidedSpec(
  spec: ModelRolloutSpec,
  undo: Pick<StandingUndo, "revision"> | undefined,
): ModelRolloutSpec {
  if (undo?.revision !== spec.revision) return spec;
  return spec.strategy.type === "Canary" || spec.strategy.type === "Shadow"
    ? { ...spec, decision: spec.decision ?? "Promote" }
    : { ...spec, paused: false };
}

/**
 * Whether a release lets its revision become stable: it gives it all the traffic, and nobody holds it. Without any
 * release (an operator from before there were releases gave it the traffic) nothing is in the way.
 *
 * @param asked the undo that stands, and whether a third revision can begin its own release.
 */
export function letsPromote(
  observation: Observation,
  revision: string,
  asked: { readonly undo: StandingUndo | undefined; readonly isMadeWayFor: boolean },
): boolean {
  const release = currentRelease(observation);
  if (release === undefined) return observation.deployment.status.rollout === undefined;
  const { rollout } = release;
  if (release.revision !== revision || rollout === undefined) return false;
  const { status } = rollout;
  const spec = guidedSpec(rollout.spec, asked.undo);
  if (status.verdict !== undefined) return status.verdict.outcome === "Promoted";
  if (returningVerdict(observation) !== undefined) return false;
  // A holdback that makes way for a third revision does so though it is paused.
  const isCut = isHeldBack(observation) && asked.isMadeWayFor;
  const isHeld = spec.decision === "Abort" || (spec.paused === true && spec.decision !== "Promote" && !isCut);
  return status.phase !== undefined && status.step === status.steps && !isHeld;
}
