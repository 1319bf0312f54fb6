/**
 * What the sidecar does, as a file of JSON. Its part `observe` is read by the model server, too:
 *
 *     {"observe": {"scores": {"output": "score", "probability": true}},
 *      "drift": {"reference": {"file": "/etc/petrel/reference.ndjson"}, "window": "1h", "falseAlarmEvery": "720h"},
 *      "trainingLog": {"folder": "/var/lib/petrel/training", "sample": "1%"}}
 *
 * Everything is bounded, and an unknown member is an error.
 */
import { parseDurationMilliseconds } from "../api/duration.ts";
import { jsonObjectOf, type ObservedSettings, parseObserved } from "../tap/observed-settings.ts";
import { membersOf, SettingsError, shown, textOf, wholeNumberOf } from "../tap/settings-checks.ts";

/** What drift is measured against. */
export type DriftReferenceSettings =
  /** A file as the training log writes them. */
  | { readonly file: string }
  /** So many first values of this process. */
  | { readonly values: number };

/** How drift is looked for. */
export interface DriftSettings {
  readonly reference: DriftReferenceSettings;
  /** Shortest window. */
  readonly windowMilliseconds: number;
  /** A window goes on until it has so many values. */
  readonly minimumValues: number;
  /** Without drift, one alarm of this sidecar in so long a time, or fewer. */
  readonly falseAlarmDays: number;
}

/** What is written for training. */
export interface TrainingLogSettings {
  readonly folder: string;
  /** Share of the requests, from 0 to 1. */
  readonly sample: number;
  readonly maximumFileBytes: number;
  /** Of all files in the folder; beyond it, requests are dropped until somebody took files away. */
  readonly maximumFolderBytes: number;
  /** A file is closed, so that others may take it, when it is as old as this. */
  readonly fileMilliseconds: number;
}

/** All of it. */
export interface SidecarSettings {
  readonly observed: ObservedSettings;
  readonly drift: DriftSettings | undefined;
  readonly trainingLog: TrainingLogSettings | undefined;
}

/** Settings of a sidecar that looks at no inputs and outputs: requests are counted by status and time alone. */
export const NOTHING_OBSERVED: SidecarSettings = {
  observed: { columns: [], userHeader: undefined, featureTime: undefined, maximumRows: 1 },
  drift: undefined,
  trainingLog: undefined,
};

const HOUR_MILLISECONDS = 3_600_000;
const DAY_MILLISECONDS = 24 * HOUR_MILLISECONDS;
const LONGEST_WINDOW = "168h";
const LONGEST_FALSE_ALARM = "87600h";

/**
 * Reads the file.
 *
 * @throws {SettingsError}
 */
export function parseSettings(text: string): SidecarSettings {
  const file = membersOf(jsonObjectOf(text), "the file", ["observe", "drift", "trainingLog"]);
  return {
    observed: parseObserved(file["observe"]),
    drift: file["drift"] === undefined ? undefined : driftOf(file["drift"]),
    trainingLog: file["trainingLog"] === undefined ? undefined : trainingLogOf(file["trainingLog"]),
  };
}

function driftOf(value: unknown): DriftSettings {
  const given = membersOf(value, "drift", ["reference", "window", "minimumValues", "falseAlarmEvery"]);
  return {
    reference: referenceOf(given["reference"]),
    windowMilliseconds: durationOf(given["window"] ?? "1h", "drift.window", "1s", LONGEST_WINDOW),
    minimumValues: wholeNumberOf(given["minimumValues"] ?? 100, "drift.minimumValues", 100, 1e9),
    falseAlarmDays:
      durationOf(given["falseAlarmEvery"] ?? "720h", "drift.falseAlarmEvery", "1h", LONGEST_FALSE_ALARM) /
      DAY_MILLISECONDS,
  };
}

function referenceOf(value: unknown): DriftReferenceSettings {
  const given = membersOf(value, "drift.reference", ["file", "values"]);
  if (given["file"] === undefined) {
    return { values: wholeNumberOf(given["values"], "drift.reference.values", 100, 100_000) };
  }
  if (given["values"] !== undefined) {
    throw new SettingsError("expected drift.reference to have a file or a number of values, got both");
  }
  return { file: textOf(given["file"], "drift.reference.file") };
}

function trainingLogOf(value: unknown): TrainingLogSettings {
  const place = "trainingLog";
  const given = membersOf(value, place, [
    "folder",
    "sample",
    "maximumFileBytes",
    "maximumFolderBytes",
    "fileAge",
  ]);
  const bytes = (name: string, otherwise: number, maximum: number) =>
    wholeNumberOf(given[name] ?? otherwise, `${place}.${name}`, 2 ** 16, maximum);
  return {
    folder: textOf(given["folder"], `${place}.folder`),
    sample: shareOf(given["sample"] ?? "100%", `${place}.sample`),
    maximumFileBytes: bytes("maximumFileBytes", 64 * 2 ** 20, 2 ** 32),
    maximumFolderBytes: bytes("maximumFolderBytes", 2 ** 30, 2 ** 44),
    fileMilliseconds: durationOf(given["fileAge"] ?? "5m", `${place}.fileAge`, "1s", "24h"),
  };
}

function durationOf(value: unknown, place: string, shortest: string, longest: string): number {
  let milliseconds = Number.NaN;
  try {
    milliseconds = typeof value === "string" ? parseDurationMilliseconds(value) : Number.NaN;
  } catch {
    // The message below says what is expected.
  }
  if (
    milliseconds >= parseDurationMilliseconds(shortest) &&
    milliseconds <= parseDurationMilliseconds(longest)
  ) {
    return milliseconds;
  }
  throw new SettingsError(
    `expected ${place} to be a duration from ${shortest} to ${longest}, got ${shown(value)}`,
  );
}

function shareOf(value: unknown, place: string): number {
  const [, digits] = (typeof value === "string" ? /^(\d{1,3}(?:\.\d{1,4})?)%$/.exec(value) : undefined) ?? [];
  const share = digits === undefined ? Number.NaN : Number(digits) / 100;
  if (share >= 0 && share <= 1) return share;
  throw new SettingsError(`expected ${place} to be a share such as "1%", got ${shown(value)}`);
}
