/**
 * Where a request to undo goes back to, or why it is refused: from the status alone, so that the command line says the
 * same as the operator, which decides.
 *
 * It must never lead to a revision that has not served.
 */
import type { ModelDeploymentStatus } from "../../api/model-deployment-status.ts";
import { MAXIMUM_UNDO_LENGTH, type StandingUndo } from "../../api/undo-status.ts";
import { servingRevision } from "../rollout/leading-revision.ts";
import { candidateHasAllTraffic } from "../traffic/reported-plan.ts";

/** A request, as its annotation has it. */
export interface UndoRequest {
  /** Name of the revision to go back to; the one that served before, where it is absent. */
  readonly to?: string;
}

/** What is known beside the status. */
export interface KnownRevisions {
  /** Whether the ControllerRevision of a revision stands, so that it can be served again. */
  readonly isKept: (revision: string) => boolean;
  /** Whether a revision is what the spec asks for. */
  readonly isStated: (revision: string) => boolean;
}

/** The revision to go back to, or why there is none. */
export type UndoTarget = { readonly revision: string } | { readonly refusal: string };

/** The value of the annotation: a token, which makes it another request, and perhaps a revision. */
export function undoAnnotation(token: string, to: string | undefined): string {
  return to === undefined ? token : `${token} ${to}`;
}

/** Reads the value of the annotation; a text where it is none. */
export function readUndoRequest(value: string): UndoRequest | string {
  const [, to, ...more] = value.split(" ");
  const isWhole = to !== "" && more.length === 0 && value.length <= MAXIMUM_UNDO_LENGTH;
  if (isWhole) return to === undefined ? {} : { to };
  return `expected a token, or a token, one blank and the name of a revision, of at most ${MAXIMUM_UNDO_LENGTH} characters in all`;
}

/** Who had the traffic taken back, in words. */
export function undoneBy({ because }: Pick<StandingUndo, "because">): "a person" | "an anomaly" {
  return because === undefined ? "a person" : "an anomaly";
}

/** Whether the revision that an undo goes back to is stable and leads all the traffic that there is. */
export function isWayBackDone({ revisions, traffic }: ModelDeploymentStatus, undo: StandingUndo): boolean {
  const arms = traffic?.arms ?? [];
  return (
    revisions?.stable === undo.revision && arms.every(({ pools }) => pools[0]?.revision === undo.revision)
  );
}

/** Where a request goes back to. */
export function undoTarget(
  status: ModelDeploymentStatus,
  { to }: UndoRequest,
  known: KnownRevisions,
): UndoTarget {
  const { served, revisions = {}, undo } = status;
  const serves = revisionWithTraffic(status);
  const others = (served?.revisions ?? []).filter(
    (revision) => known.isKept(revision) && revision !== serves,
  );
  const choice =
    others.length === 0
      ? "no other revision that is kept has served"
      : `these have served and are kept: ${others.join(", ")}`;
  const refused = (why: string) => ({ refusal: `${why}; ${choice}` });
  const standing = undo?.standing;
  if (to === undefined && standing !== undefined && !isWayBackDone(status, standing))
    return refused(`the way back to ${standing.revision} is under way, so name the revision to go back to`);
  const former = serves === revisions.stable ? served?.former : revisions.stable;
  const revision = to ?? former;
  if (revision === undefined)
    return refused(
      `it is not known which revision served before ${serves ?? "this one"}, or that is one that was gone back from, so name the revision to go back to`,
    );
  if (served?.revisions.includes(revision) !== true) return refused(`${revision} has not served`);
  if (!known.isKept(revision)) return refused(`the record of ${revision} is gone`);
  const isThere = revision === serves && revisions.candidate === undefined;
  if (isThere && (known.isStated(revision) || standing?.revision === revision))
    return refused(`${revision} has the traffic already`);
  return { revision };
}

/** Who has the traffic: stable, or a candidate that has all of it and is about to become stable, or is in its holdback. */
function revisionWithTraffic(status: ModelDeploymentStatus): string | undefined {
  return candidateHasAllTraffic(status) ? status.revisions?.candidate : servingRevision(status);
}
