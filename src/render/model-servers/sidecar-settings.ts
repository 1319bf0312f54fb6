/**
 * What model server and sidecar of a pod are told to look at, as the file that both read.
 */
import type { ObserveSpec, ResponseSpec } from "../../api/observe.ts";
import type { TrainingLogSpec } from "../../api/training-log.ts";
import { trainingLogSettings } from "../training-log-store.ts";

/** What is observed of the requests of a deployment. */
export interface ObservedRequests {
  readonly response?: ResponseSpec | undefined;
  readonly observe: ObserveSpec;
  /** Header that names the user; absent where none does. */
  readonly userHeader?: string | undefined;
  /** What is kept for training; nothing unless given. */
  readonly log?: TrainingLogSpec | undefined;
}

/** Paths of files and folders as the sidecar sees them. */
export interface SidecarPaths {
  /** The reference for drift, if it is a file. */
  readonly reference: string;
  readonly trainingLog: string;
}

/** Of lines that wait for the disk, and of files that wait for the bucket. The volume has room for as much again. */
const LOG_BOUNDS = { maximumWaitingBytes: 2 * 2 ** 20, maximumFolderBytes: 64 * 2 ** 20 } as const;

/** The file, in JSON. */
export function sidecarSettings(
  { response, observe, userHeader, log }: ObservedRequests,
  paths: SidecarPaths,
): string {
  const { features, featureTime, drift } = observe;
  return JSON.stringify({
    observe: {
      ...(response === undefined ? {} : { scores: scoresOf(response) }),
      ...(features === undefined ? {} : { features: features.map(featureOf) }),
      ...(userHeader === undefined ? {} : { userHeader }),
      ...(featureTime === undefined ? {} : { featureTime: featureTimeOf(featureTime) }),
      ...(log?.maximumRows === undefined ? {} : { maximumRows: log.maximumRows }),
    },
    ...(drift === undefined ? {} : { drift: driftOf(drift, paths.reference) }),
    ...(log === undefined ? {} : { trainingLog: trainingLogOf(log, paths.trainingLog) }),
  });
}

function scoresOf({ scores, column, probability }: ResponseSpec) {
  return { output: scores, column, probability };
}

function featureOf({ name, input, column, minimum, maximum }: NonNullable<ObserveSpec["features"]>[number]) {
  return { name, input, column, minimum: numberOf(minimum), maximum: numberOf(maximum) };
}

function featureTimeOf({ header, input, column }: NonNullable<ObserveSpec["featureTime"]>) {
  return { header, input, column };
}

function driftOf(
  { reference, window, minimumValues, falseAlarmEvery }: NonNullable<ObserveSpec["drift"]>,
  referencePath: string,
) {
  const values = reference.firstValues?.count;
  return {
    reference: values === undefined ? { file: referencePath } : { values },
    window,
    minimumValues,
    falseAlarmEvery,
  };
}

/** Only requests that labels can come for. */
function trainingLogOf(log: TrainingLogSpec, folder: string) {
  const common = trainingLogSettings(log);
  return { ...common, folder, onlyWithToken: true, ...LOG_BOUNDS };
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
