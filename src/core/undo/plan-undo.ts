/**
 * Planner `undo`: whether a person, or an anomaly, had the traffic taken back, where to, and whether that still stands.
 *
 * An undo is about a model. While the spec states a model that was undone, it stands, whatever else changes; another
 * model, or a retry that a person asks for, ends it. To take an annotation away ends nothing. It must never end in
 * silence, nor go back to a revision that has not served.
 */
import { ANNOTATION } from "../../api/names.ts";
import {
  MAXIMUM_UNDO_LENGTH,
  MAXIMUM_UNDONE,
  type StandingUndo,
  type UndoneModel,
  type UndoStatus,
} from "../../api/undo-status.ts";
import { reportedMessage, reportedTime } from "../conditions/condition-words.ts";
import type { EventIntent } from "../decision.ts";
import type { Observation, ObservedRevision } from "../observation.ts";
import { mostUrgentTrouble } from "../readiness.ts";
import { knownRevisions, type StatedRevision } from "../revision/stated-revision.ts";
import { isGivenUp, isRetried, retryToken } from "../rollout/current-release.ts";
import { servingRevision } from "../rollout/leading-revision.ts";
import { candidateWithTraffic } from "../traffic/reported-plan.ts";
import { isSameModel } from "./same-model.ts";
import {
  isWayBackDone,
  readUndoRequest,
  type UndoRequest,
  type UndoTarget,
  undoneBy,
  undoTarget,
} from "./undo-target.ts";

/** What of undoing is decided. */
export interface UndoPlan {
  /** What the spec states. */
  readonly stated: StatedRevision;
  /** For the status of the ModelDeployment; absent while nobody has ever asked. */
  readonly status?: UndoStatus;
  /** The undo that stands. */
  readonly standing?: StandingUndo;
  /** What it goes back to; absent without an undo, and where nobody knows any more what that revision holds. */
  readonly target?: ObservedRevision;
  readonly events: readonly EventIntent[];
}

/** An undo after a look: it stands, or has come to its end, which is told. */
interface Settled {
  readonly standing?: StandingUndo;
  readonly events: readonly EventIntent[];
}

/** An undo that is to begin; by a person unless it says because of what. */
export interface AskedUndo {
  /** Names it. */
  readonly request: string;
  /** The revision to go back to. */
  readonly revision: string;
  readonly because?: string;
}

/** What becomes of a request. */
interface Answer extends Settled {
  readonly refusal?: string;
}

/** What is said of undoing when nothing is decided about it. */
export function heldUndo(observation: Observation, stated: StatedRevision): UndoPlan {
  return planOf(observation, stated, observation.deployment.status.undo, []);
}

/** The request of a person that is not decided about yet. */
export function newUndoRequest(observation: Observation): string | undefined {
  const request = requestOf(observation);
  const stored = observation.deployment.status.undo?.request;
  return request === undefined || request === "" || isSameRequest(request, stored) ? undefined : request;
}

function requestOf({ deployment }: Observation): string | undefined {
  // One character more: what is cut off must not make a request out of what is none.
  return deployment.metadata.annotations?.[ANNOTATION.undo]?.slice(0, MAXIMUM_UNDO_LENGTH + 1);
}

/**
 * Decides about requests, and about the undo that stands.
 *
 * @param asked an undo that no person has asked for; a request of a person comes before it.
 */
export function planUndo(observation: Observation, stated: StatedRevision, asked?: AskedUndo): UndoPlan {
  const stored = observation.deployment.status.undo;
  const request = newUndoRequest(observation);
  const begun = asked === undefined ? undefined : begin(observation, stated, asked);
  const answer = request === undefined ? begun : answerTo(observation, stated, request);
  const { standing, events } = settled(observation, stated, answer?.standing ?? stored?.standing);
  if (answer === undefined && stored === undefined) return planOf(observation, stated, undefined, events);
  // A refusal is told as long as what was asked for stands there.
  const refusalBefore = requestOf(observation) === undefined ? undefined : stored?.refusal;
  const refusal = request === undefined ? refusalBefore : answer?.refusal;
  const remembered = standing === undefined ? stillUndone(observation, stated) : [];
  const status: UndoStatus = {
    request: (request ?? stored?.request ?? "").slice(0, MAXIMUM_UNDO_LENGTH),
    ...(refusal === undefined ? {} : { refusal }),
    ...(standing === undefined ? {} : { standing }),
    ...(remembered.length === 0 ? {} : { undone: [...remembered] }),
  };
  return planOf(observation, stated, status, [...(answer?.events ?? []), ...events]);
}

function isSameRequest(request: string, stored: string | undefined): boolean {
  return request.slice(0, MAXIMUM_UNDO_LENGTH) === stored;
}

function planOf(
  observation: Observation,
  stated: StatedRevision,
  status: UndoStatus | undefined,
  events: readonly EventIntent[],
): UndoPlan {
  const standing = status?.standing;
  const target = knownRevisions(observation, stated).find(({ name }) => name === standing?.revision);
  return {
    stated,
    ...(status === undefined ? {} : { status }),
    ...(standing === undefined ? {} : { standing }),
    ...(target === undefined ? {} : { target }),
    events,
  };
}

/** Takes a request up, or refuses it: then the undo before it, if there is one, goes on. */
function answerTo(observation: Observation, stated: StatedRevision, request: string): Answer {
  const read = readUndoRequest(request);
  const found = typeof read === "string" ? { refusal: read } : targetOf(observation, stated, read);
  if ("refusal" in found) {
    const refusal = reportedMessage(found.refusal);
    const note = `the request to undo ${request} was refused: ${refusal}`;
    return { refusal, events: [{ type: "Warning", reason: "UndoRefused", action: "RefuseUndo", note }] };
  }
  return begin(observation, stated, { request, revision: found.revision });
}

/** Where a request leads, or why nowhere. */
export function targetOf(
  { deployment, revisions }: Observation,
  stated: StatedRevision,
  request: UndoRequest,
): UndoTarget {
  return undoTarget(deployment.status, request, {
    isKept: (name) => revisions.some((revision) => revision.name === name),
    isStated: (name) => stated.revision.name === name,
  });
}

/** Begins an undo. Without a reason that is given it is by a person. */
function begin(
  observation: Observation,
  stated: StatedRevision,
  { request, revision, because }: AskedUndo,
): Answer {
  const { deployment, nowMilliseconds } = observation;
  const retry = retryToken(observation) ?? deployment.status.rollout?.retry;
  const standing: StandingUndo = {
    request,
    since: reportedTime(nowMilliseconds),
    revision,
    undone: undoneModels(observation, stated, revision),
    ...(retry === undefined ? {} : { retry }),
    ...(because === undefined ? {} : { because }),
  };
  const { stable, candidate } = deployment.status.revisions ?? {};
  const from = stable === revision ? candidate : servingRevision(deployment.status);
  const why = because === undefined ? "" : `: ${because}`;
  const note = `${undoneBy(standing)} has the traffic taken back${from === undefined ? "" : ` from ${from}`} to ${revision} (request ${request})${why}`;
  const type = because === undefined ? "Normal" : "Warning";
  return { standing, events: [{ type, reason: "Undoing", action: "BeginUndo", note }] };
}

/** What undos before were about. */
function undoneBefore({ deployment }: Observation): readonly UndoneModel[] {
  const { standing, undone = [] } = deployment.status.undo ?? {};
  return standing?.undone ?? undone;
}

/** What stays undone once no undo stands: all but the model that a person has asked for again. */
function stillUndone(observation: Observation, { revision }: StatedRevision): readonly UndoneModel[] {
  const { standing } = observation.deployment.status.undo ?? {};
  const isWanted = standing !== undefined && isRetried(observation, standing.retry);
  return undoneBefore(observation).filter((model) => !isWanted || !isSameModel(model, revision.data.model));
}

/**
 * The models of what serves, of what is on its way and of the spec, and those of undos before, to which Git may go back:
 * none of them is to come without another word.
 */
function undoneModels(observation: Observation, stated: StatedRevision, target: string): UndoneModel[] {
  const { stable, candidate } = observation.deployment.status.revisions ?? {};
  const known = knownRevisions(observation, stated);
  const modelOf = (name: string | undefined) => known.find((revision) => revision.name === name)?.data.model;
  const goal = modelOf(target);
  const present = [stable, candidate, stated.revision.name]
    .filter((name) => name !== target)
    .flatMap((name) => modelOf(name) ?? [])
    .map(({ uri, digest }): UndoneModel => ({ uri, ...(digest === undefined ? {} : { digest }) }));
  const before = undoneBefore(observation).filter((model) => goal === undefined || !isSameModel(model, goal));
  const models = [...present, ...before];
  return models
    .filter((model, index) => models.findIndex((other) => isSameModel(other, model)) === index)
    .slice(0, MAXIMUM_UNDONE);
}

/** Whether an undo goes on, and what is told when not. */
function settled(observation: Observation, stated: StatedRevision, undo: StandingUndo | undefined): Settled {
  if (undo === undefined) return { events: [] };
  const { status } = observation.deployment;
  const { next: stood, ...rest } = undo;
  const { revision } = stated;
  const isDone = isWayBackDone(status, undo);
  const about = `the undo to ${undo.revision} (request ${undo.request})`;
  if (isRetried(observation, undo.retry)) {
    const way = isDone ? "" : ", though its way back is not done";
    const note = `${about} is ended by the retry ${retryToken(observation)}${way}: the spec's ${revision.name} is worked towards again`;
    return ended(isDone, note);
  }
  if (isDone && revision.name === undo.revision) {
    return ended(true, `${about} is ended: the spec states that revision by now`);
  }
  if (undo.undone.some((model) => isSameModel(model, revision.data.model))) {
    return { standing: rest, events: [] };
  }
  if (isDone) {
    return ended(
      true,
      `${about} is ended: the spec states another model by now, and ${revision.name} is released`,
    );
  }
  const trouble = wayBackTrouble(observation, undo, revision.name);
  if (trouble !== undefined) {
    const note = `${about} is given up, for the spec states another model by now and the way back fails: ${trouble}; ${revision.name} is worked towards`;
    return ended(false, note);
  }
  if (stood === revision.name) return { standing: undo, events: [] };
  const note = `the spec states another model; ${about} is finished first, then ${revision.name} is released`;
  return {
    standing: { ...rest, next: revision.name },
    events: [{ type: "Normal", reason: "UndoFirst", action: "QueueBehindUndo", note }],
  };
}

function ended(isDone: boolean, note: string): Settled {
  return {
    events: [
      isDone
        ? { type: "Normal", reason: "UndoEnded", action: "EndUndo", note }
        : { type: "Warning", reason: "UndoGivenUp", action: "EndUndo", note },
    ],
  };
}

/**
 * Why the way back does not come to its end; undefined while it may. What the model itself fails by, that is: room that
 * is missing would be missing for the next revision as well.
 */
function wayBackTrouble(
  observation: Observation,
  { revision, request }: StandingUndo,
  stated: string,
): string | undefined {
  const { revisions, pods, deployment } = observation;
  if (revision !== stated && revisions.every(({ name }) => name !== revision))
    return `the record of ${revision} is gone`;
  if (candidateWithTraffic(deployment.status) === revision) return undefined;
  if (isGivenUp(observation, revision, request)) return "a person gave its release up";
  const trouble = mostUrgentTrouble(pods.filter((pod) => pod.revision === revision && !pod.isTerminating));
  const isItsOwn = trouble !== undefined && OWN_TROUBLE.has(trouble.type);
  return isItsOwn ? trouble.message : undefined;
}

const OWN_TROUBLE: ReadonlySet<string> = new Set([
  "FetchFailed",
  "ExecutionProviderMissing",
  "ModelNotLoaded",
]);
