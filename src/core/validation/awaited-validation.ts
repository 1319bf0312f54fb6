/**
 * Whether a model revision waits for its validation, and what it is compared with: from the stored status alone, so that
 * nothing follows from an outcome that is not stored.
 */
import { contentHash } from "../../api/content-hash.ts";
import type { ValidationSpec } from "../../api/validation.ts";
import type { Observation, ObservedRevision } from "../observation.ts";
import { currentRelease, isOver } from "../rollout/current-release.ts";

/** A validation that has to pass before anything else becomes of the desired revision. */
export interface AwaitedValidation {
  /** What it is compared with; undefined where there is nothing. */
  readonly baseline: ObservedRevision | undefined;
}

/** The roles as far as they are known. */
export interface Roles {
  readonly desired: ObservedRevision;
  readonly stable: ObservedRevision;
  /** Stable has served, or is what serves. */
  readonly stableHasServed: boolean;
  readonly byName: (name: string | undefined) => ObservedRevision | undefined;
}

/** Hash of what a validation is asked for: with other settings it is another one. */
export function validationSettingsHash(validation: ValidationSpec): string {
  return contentHash(validation);
}

/**
 * The validation that the desired revision waits for; undefined where nothing is in its way. What serves, and a release
 * that has begun, is never held up: a validation comes before the first request, or not at all.
 */
export function awaitedValidation(observation: Observation, roles: Roles): AwaitedValidation | undefined {
  const { spec, status } = observation.deployment;
  const { desired, stable } = roles;
  if (spec.validation === undefined || wasLetIn(observation, roles)) return undefined;
  const baseline = stable.name === desired.name ? formerStable(observation, roles) : stable;
  const stored = status.validation;
  const isPassed =
    stored?.outcome === "Passed" &&
    stored.revision === desired.name &&
    stored.baseline === baseline?.name &&
    stored.settings === validationSettingsHash(spec.validation);
  return isPassed ? undefined : { baseline };
}

function wasLetIn(observation: Observation, { desired, stable, stableHasServed }: Roles): boolean {
  const { revisions, validation } = observation.deployment.status;
  if (desired.name !== stable.name) {
    const release = currentRelease(observation);
    return release?.revision === desired.name && !isOver(release);
  }
  // Its role was given to it before there was anything to wait for, or after it had passed.
  const wasStable = revisions?.stable === desired.name;
  const isHeld = validation?.revision === desired.name && validation.outcome !== "Passed";
  return stableHasServed || (wasStable && !isHeld);
}

/**
 * What served before all was scaled to zero. Its role goes to the desired revision at once, so it is found where the
 * validation has begun with it.
 */
function formerStable(
  { deployment: { status } }: Observation,
  { desired, byName }: Roles,
): ObservedRevision | undefined {
  if (status.validation?.revision === desired.name) return byName(status.validation.baseline);
  const hadAll = status.conditions?.some((one) => one.type === "Promoted" && one.status === "True");
  const former = hadAll === true ? byName(status.revisions?.stable) : undefined;
  return former?.name === desired.name ? undefined : former;
}
