/**
 * Which model revisions have served, and which one served before the stable one: what people may go back to.
 *
 * It must never name as the former one a revision that somebody has just gone back from.
 */
import type { ModelDeploymentStatus } from "../../api/model-deployment-status.ts";
import type { TrafficPlan } from "../../api/traffic-plan.ts";
import { MAXIMUM_SERVED, type ServedStatus } from "../../api/undo-status.ts";
import type { ObservedRevision } from "../observation.ts";

/** What is decided now. */
export interface DecidedRole {
  readonly stable: ObservedRevision;
  readonly traffic: TrafficPlan;
}

/** What has served, once stable and its traffic are as decided; undefined before anything has. */
export function servedRevisions(
  { revisions, served }: ModelDeploymentStatus,
  known: readonly ObservedRevision[],
  { stable, traffic }: DecidedRole,
): ServedStatus | undefined {
  const before = served?.revisions ?? [];
  const serves = traffic.arms.some(({ pools }) => pools[0]?.revision === stable.name);
  const after =
    serves && before.at(-1) !== stable.name
      ? [...before.filter((name) => name !== stable.name), stable.name].slice(-MAXIMUM_SERVED)
      : before;
  if (after.length === 0) return undefined;
  const isSame = revisions?.stable === undefined || revisions.stable === stable.name;
  const former = isSame ? served?.former : formerOf(revisions.stable, before, known, stable);
  return { revisions: after, ...(former === undefined ? {} : { former }) };
}

/** The stable revision before, where it has served and is the older one. */
function formerOf(
  name: string | undefined,
  served: readonly string[],
  known: readonly ObservedRevision[],
  stable: ObservedRevision,
): string | undefined {
  const former = known.find((revision) => revision.name === name);
  return former !== undefined && served.includes(former.name) && former.number < stable.number
    ? former.name
    : undefined;
}
