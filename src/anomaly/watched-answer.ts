/**
 * What a collector says of the series that it watches, for each deployment that asks for it: which are judged, of which
 * nothing is known, and the alarms that go on.
 *
 * A release may be undone by it, so nothing is mended: an answer with a part missing, or no number where one belongs, is
 * refused as a whole, with the place. Members that are not known are passed over: a collector may be newer than who reads.
 * Pure.
 */
import { MAXIMUM_SERIES, MAXIMUM_SERIES_LENGTH } from "../api/anomaly-status.ts";
import { asRecord, parseJson } from "../api/json.ts";
import { ToldJson } from "../api/told-json.ts";

/** An alarm that goes on. */
export interface SeriesAlarm {
  readonly series: string;
  /** From when on something is held to be wrong, in seconds since the Unix epoch: when that window of time began. */
  readonly since: number;
  /** The last value, and the band in which one would be expected. */
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** The series of one deployment. Names of series are each in at most one of the lists. */
export interface WatchedDeployment {
  readonly name: string;
  /** How many series are watched. */
  readonly watched: number;
  /** Those by which no alarm can come: still learned, or without any value for a day. */
  readonly unjudged: readonly string[];
  /** Those that were not looked at when they should have been: whether something is wrong with them nobody knows. */
  readonly unknown: readonly string[];
  readonly alarms: readonly SeriesAlarm[];
}

/** A whole answer. */
export interface WatchedAnswer {
  /** The part of the users that it is about. */
  readonly partition: { readonly index: number; readonly count: number };
  readonly deployments: readonly WatchedDeployment[];
}

/** As many as a collector has. */
const MAXIMUM_DEPLOYMENTS = 5_000;

/** An answer cannot be used. The message says what was expected and what came. */
export class WatchedAnswerError extends Error {
  override readonly name = "WatchedAnswerError";
}

const told = new ToldJson(WatchedAnswerError);

/**
 * Reads an answer; the deployments by name.
 *
 * @param where it came from, for the message; without a secret.
 * @throws {WatchedAnswerError} for anything but a whole answer.
 */
export function parseWatchedAnswer(text: string, where: string): ReadonlyMap<string, WatchedDeployment> {
  const answer = asRecord(parseJson(text));
  if (answer === undefined) throw told.wrong(where, "a whole answer in JSON", `${text.length} characters`);
  // With others beside it, these would be the series of a part of the users.
  const partitions = asRecord(answer["partition"])?.["count"];
  if (partitions !== 1) throw told.wrong(`${where}: partition.count`, "1", partitions);
  const deployments = told
    .list(answer["deployments"], MAXIMUM_DEPLOYMENTS, `${where}: deployments`)
    .map((one, at) => deploymentOf(one, `${where}: deployments[${at}]`));
  const byName = new Map(deployments.map((deployment) => [deployment.name, deployment]));
  if (byName.size === deployments.length) return byName;
  throw told.wrong(`${where}: deployments`, "each deployment once", deployments.length);
}

function deploymentOf(value: unknown, where: string): WatchedDeployment {
  const said = asRecord(value) ?? {};
  const watched = said["watched"];
  if (typeof watched !== "number" || !Number.isInteger(watched) || watched < 1 || watched > MAXIMUM_SERIES) {
    throw told.wrong(`${where}.watched`, `a whole number from 1 to ${MAXIMUM_SERIES}`, watched);
  }
  const listed = (name: string) => told.list(said[name], watched, `${where}.${name}`);
  const names = (name: string) => listed(name).map((one, at) => textOf(one, `${where}.${name}[${at}]`));
  const [unjudged, unknown] = [names("unjudged"), names("unknown")];
  const alarms = listed("alarms").map((one, at) => alarmOf(one, `${where}.alarms[${at}]`));
  const all = [...unjudged, ...unknown, ...alarms.map(({ series }) => series)];
  if (all.length > watched || new Set(all).size < all.length) {
    throw told.wrong(where, `each of ${watched} series at most once`, all.length);
  }
  return { name: textOf(said["name"], `${where}.name`), watched, unjudged, unknown, alarms };
}

function alarmOf(value: unknown, where: string): SeriesAlarm {
  const said = asRecord(value) ?? {};
  const [since, last, low, high] = ["since", "value", "low", "high"].map((name) =>
    numberOf(said[name], `${where}.${name}`),
  );
  if (since === undefined || last === undefined || low === undefined || high === undefined) {
    throw told.wrong(where, "an alarm", value);
  }
  if (!(since >= 0 && since < 1e11))
    throw told.wrong(`${where}.since`, "seconds since the Unix epoch", since);
  if (low > high) throw told.wrong(`${where}.low`, `at most ${high}`, low);
  return { series: textOf(said["series"], `${where}.series`), since, value: last, low, high };
}

function textOf(value: unknown, where: string): string {
  // It is written into messages: what breaks lines has no place in it.
  const isName = typeof value === "string" && /^[\x21-\x7e]+$/.test(value);
  if (isName && value.length <= MAXIMUM_SERIES_LENGTH) return value;
  throw told.wrong(where, `a name of 1 to ${MAXIMUM_SERIES_LENGTH} characters`, value);
}

function numberOf(value: unknown, where: string): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw told.wrong(where, "a number", value);
}
