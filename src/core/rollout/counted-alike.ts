/**
 * Whether the answers of both revisions are counted alike. Only pods from a template with the key of tokens are counted:
 * while those of one revision are still being replaced for it, its requests would be missed, and the arms seem to get other
 * shares than they do.
 */
import { givesTokens } from "../../render/model-servers/token-key.ts";
import type { Observation } from "../observation.ts";
import { templateIdOf } from "../pods/plan-pods.ts";

/**
 * Whether every pod of these revisions gives tokens, or none does, as behind a server of somebody else's. A pod from a
 * template that is not known any more is one of before.
 */
export function areCountedAlike(
  { pods, podRevisions, modelServers }: Observation,
  revisions: readonly string[],
): boolean {
  const templates = [...podRevisions, ...modelServers].map(({ template }) => template);
  const ids = new Set(templates.filter(givesTokens).map(templateIdOf));
  const counted = pods
    .filter(({ revision, isTerminating }) => revisions.includes(revision) && !isTerminating)
    .map(({ templateId }) => templateId !== undefined && ids.has(templateId));
  return counted.every(Boolean) || !counted.some(Boolean);
}
