/**
 * What the sidecar does, as a file of JSON. Its part `observe` is read by the model server, too:
 *
 *     {"observe": {"scores": {"output": "score", "probability": true}},
 *      "drift": {"reference": {"file": "/etc/petrel/reference.ndjson"}, "window": "1h", "falseAlarmEvery": "720h"},
 *      "trainingLog": {"folder": "/var/lib/petrel/training", "sample": "1%"}}
 *
 * Everything is bounded, and an unknown member is an error.
 */
import { jsonObjectOf, type ObservedSettings, parseObserved } from "../tap/observed-settings.ts";
import { membersOf, SettingsError, textOf, wholeNumberOf } from "../tap/settings-checks.ts";
import { durationOf, parseTrainingLog, type TrainingLogSettings } from "../training-log/log-settings.ts";

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
    trainingLog:
      file["trainingLog"] === undefined ? undefined : parseTrainingLog(file["trainingLog"], "trainingLog"),
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
