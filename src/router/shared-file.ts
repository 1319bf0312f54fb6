/**
 * A file that holds resources of many ModelDeployments, because Envoy reads their type from one file only.
 *
 * Envoy refuses such a file as a whole when one resource cannot be read, and in part when one cannot be used.
 * So that a bad one hurts its owner alone, changes are tried: of many owners at once, and after a refusal of
 * half as many, until the one that is refused stands alone. It then keeps what it had. An Envoy that starts has
 * nothing to keep, so it gets what was accepted before anything is tried on it. Pure.
 */
import type { SecretFile } from "../render/envoy/door.ts";
import { type ResourceFile, resourceFile, type TypedMessage } from "../render/envoy/resource.ts";
import { type FileReport, UNREAD } from "./envoy-report.ts";

/** What one owner has in the file. */
export interface OwnedResources {
  /** Equal for equal resources. */
  readonly hash: string;
  readonly resources: readonly TypedMessage[];
  /** Files that the resources refer to. */
  readonly secrets?: readonly SecretFile[];
}

/** Resources by owner. */
export type Contents = ReadonlyMap<string, OwnedResources>;

interface Trial {
  readonly file: ResourceFile;
  readonly contents: Contents;
  /** Whose resources differ from what was accepted. */
  readonly owners: readonly string[];
  /** Refusals that Envoy had counted before. */
  readonly refusalsBefore: number;
  /** When to write the file again, should Envoy say nothing. Monotonic milliseconds. */
  readonly repeatAt: number;
}

/** Where the file stands. */
export interface SharedFile {
  /** What Envoy has taken. */
  readonly accepted: Contents;
  /** The file that holds it; absent when it has to be made. */
  readonly file?: ResourceFile;
  /** The file on disk may hold something else than what was accepted. */
  readonly isUncertain: boolean;
  readonly trial?: Trial;
  /** Changes of so many owners are tried at once. */
  readonly batch: number;
  /** How often Envoy had nothing to say. Part of the version, so that the same content is a new file. */
  readonly silences: number;
}

/** Result of {@link stepSharedFile}. */
export interface SharedFileStep {
  readonly state: SharedFile;
  /** What the file is to hold now. */
  readonly file: ResourceFile;
  /** The owner whose change Envoy has just refused. */
  readonly refused?: string;
}

/** How long Envoy may take to notice a file before it is put in place again; well below the patience with a plan. */
const REPEAT_MILLISECONDS = 3_000;

/** The file before anything is known of it; `accepted` is what an earlier run of the router left. */
export function newSharedFile(accepted: Contents = new Map()): SharedFile {
  return { accepted, isUncertain: true, batch: Number.POSITIVE_INFINITY, silences: 0 };
}

/**
 * Judges the trial that is under way, and starts the next one when there is something to change.
 *
 * @param report absent while Envoy does not answer. Then nothing new is tried on what was accepted, and what was being
 *   tried makes room for it.
 * @param now monotonic milliseconds.
 */
export function stepSharedFile(
  before: SharedFile,
  wanted: Contents,
  report: FileReport | undefined,
  now: number,
): SharedFileStep {
  const { state, refused } = judge(before, wanted, report, now);
  if (state.trial !== undefined) return { state, file: state.trial.file };
  const owners = restoresFirst(before, state, report)
    ? []
    : changedOwners(state.accepted, wanted)
        .filter((owner) => owner !== refused)
        .slice(0, state.batch);
  const contents = withChanges(state.accepted, wanted, owners);
  const file = (owners.length === 0 ? state.file : undefined) ?? fileOf(contents, state.silences);
  const outcome = refused === undefined ? {} : { refused };
  // Another version than expected is that of an Envoy that has started anew, or never read the file.
  const isCertain = !state.isUncertain && (report === undefined || report.version === file.version);
  if (owners.length === 0 && isCertain) return { state: { ...state, file }, file, ...outcome };
  const trial = {
    file,
    contents,
    owners,
    refusalsBefore: report?.refusals ?? 0,
    repeatAt: now + REPEAT_MILLISECONDS,
  };
  return { state: { ...state, trial }, file, ...outcome };
}

/** Whether Envoy has taken what an owner wants to have in the file, nothing included. */
export function isAccepted(state: SharedFile, owner: string, wanted: Contents): boolean {
  return state.accepted.get(owner)?.hash === wanted.get(owner)?.hash;
}

/** Whether nothing is under way. */
export function isAtRest({ trial, isUncertain }: SharedFile): boolean {
  return trial === undefined && !isUncertain;
}

/** Everything that Envoy may have read: what was accepted, and what is being tried. */
export function knownContents({ accepted, trial }: SharedFile): readonly Contents[] {
  return trial === undefined ? [accepted] : [accepted, trial.contents];
}

function judge(
  state: SharedFile,
  wanted: Contents,
  report: FileReport | undefined,
  now: number,
): { readonly state: SharedFile; readonly refused?: string } {
  const { trial, ...rest } = state;
  if (trial === undefined) return { state };
  if (report === undefined) {
    // Envoy must not start on what it may refuse, for then it would have nothing. Nobody relies on a trial yet.
    const makesRoom = trial.owners.length > 0 && state.accepted.size > 0;
    return { state: makesRoom ? withdrawn(rest, trial) : state };
  }
  if (report.version === trial.file.version) {
    const { contents, file, owners } = trial;
    const batch = owners.length === 0 ? state.batch : state.batch * 2;
    return { state: { ...rest, accepted: contents, file, isUncertain: false, batch } };
  }
  // A count below the earlier one is that of an Envoy that has started anew.
  const refusalsBefore = report.refusals < trial.refusalsBefore ? 0 : trial.refusalsBefore;
  if (report.refusals > refusalsBefore) return refuse(rest, trial, wanted);
  if (now < trial.repeatAt) return { state: { ...state, trial: { ...trial, refusalsBefore } } };
  const { file: _file, ...again } = rest;
  return { state: { ...again, isUncertain: true, silences: state.silences + 1 } };
}

function refuse(
  rest: Omit<SharedFile, "trial">,
  trial: Trial,
  wanted: Contents,
): { readonly state: SharedFile; readonly refused?: string } {
  const state = withdrawn(rest, trial);
  const [first, ...others] = trial.owners;
  const isCulprit = first !== undefined && others.length === 0;
  // What is wanted by now is not to blame for what was tried.
  const isStillWanted = isCulprit && wanted.get(first)?.hash === trial.contents.get(first)?.hash;
  return isStillWanted ? { state, refused: first } : { state };
}

function withdrawn(rest: Omit<SharedFile, "trial">, { owners }: Trial): SharedFile {
  return { ...rest, isUncertain: true, batch: Math.max(1, owners.length >> 1) };
}

/** Whether what was accepted comes before all changes, for Envoy has nothing or may be about to start. */
function restoresFirst(
  before: SharedFile,
  { accepted }: SharedFile,
  report: FileReport | undefined,
): boolean {
  if (accepted.size === 0) return false;
  if (report === undefined) return true;
  // Once is enough: an Envoy that cannot take all of it any more may take what is wanted instead.
  return report.version === UNREAD.version && before.trial?.owners.length !== 0;
}

function fileOf(contents: Contents, silences: number): ResourceFile {
  const resources = [...contents.values()].flatMap((owned) => owned.resources);
  return resourceFile(resources, silences === 0 ? undefined : silences);
}

function changedOwners(accepted: Contents, wanted: Contents): string[] {
  return [...new Set([...accepted.keys(), ...wanted.keys()])]
    .filter((owner) => accepted.get(owner)?.hash !== wanted.get(owner)?.hash)
    .sort();
}

function withChanges(accepted: Contents, wanted: Contents, owners: readonly string[]): Contents {
  const contents = new Map(accepted);
  for (const owner of owners) {
    const resources = wanted.get(owner);
    if (resources === undefined) contents.delete(owner);
    else contents.set(owner, resources);
  }
  return new Map([...contents].sort(([left], [right]) => (left < right ? -1 : 1)));
}
