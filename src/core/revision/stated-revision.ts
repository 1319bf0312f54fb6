/**
 * The model revision that the spec states, known or new. What is worked towards may be another one: an undo may stand.
 */
import type { Observation, ObservedRevision } from "../observation.ts";
import { modelRevisionName, modelRevisionOf } from "./model-revision.ts";

/** What the spec states. */
export interface StatedRevision {
  readonly revision: ObservedRevision;
  /** It has no ControllerRevision yet. */
  readonly isNew: boolean;
}

/** All revisions, with the one that the spec states. */
export function knownRevisions(
  { revisions }: Observation,
  { revision, isNew }: StatedRevision,
): readonly ObservedRevision[] {
  return isNew ? [...revisions, revision] : revisions;
}

/** Finds it by its name, or numbers it above all others. */
export function statedRevision({ deployment, revisions }: Observation): StatedRevision {
  const data = modelRevisionOf(deployment.spec);
  const name = modelRevisionName(deployment.metadata.name, data);
  const known = revisions.find((revision) => revision.name === name);
  if (known !== undefined) return { revision: known, isNew: false };
  const number = 1 + Math.max(0, ...revisions.map((revision) => revision.number));
  return { revision: { name, number, data }, isNew: true };
}
