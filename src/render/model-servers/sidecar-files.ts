/**
 * Files of a sidecar: its settings, which are an annotation of the pod, so that all containers get those of their own
 * template, the reference for drift, a key of a ConfigMap or Secret, and the training log with what opens its store.
 *
 * A reference that is missing must keep no pod from starting.
 */
import { ANNOTATION } from "../../api/names.ts";
import { trainingLogStoreMount, trainingLogStoreVolumes } from "../training-log-store.ts";
import type { ModelServersInput } from "./model-servers-input.ts";
import { type ObservedRequests, sidecarSettings } from "./sidecar-settings.ts";

const SETTINGS = {
  volume: "sidecar-settings",
  folder: "/etc/petrel/sidecar",
  file: "settings.json",
} as const;
const REFERENCE = {
  volume: "drift-reference",
  folder: "/etc/petrel/drift",
  file: "reference.ndjson",
} as const;
const TRAINING_LOG = {
  volume: "training-log",
  folder: "/var/lib/petrel-training-log",
  size: "128Mi",
} as const;

/** Where a container sees the settings. */
export const SETTINGS_PATH = `${SETTINGS.folder}/${SETTINGS.file}`;
const REFERENCE_PATH = `${REFERENCE.folder}/${REFERENCE.file}`;

type Observed = Pick<ModelServersInput, "observed">;

/** Annotations of the pod. */
export function sidecarAnnotations({ observed }: Observed) {
  if (observed === undefined) return {};
  const paths = { reference: REFERENCE_PATH, trainingLog: TRAINING_LOG.folder };
  return { annotations: { [ANNOTATION.sidecarSettings]: sidecarSettings(observed, paths) } };
}

/** How a container mounts the settings. */
export const settingsMount = { name: SETTINGS.volume, mountPath: SETTINGS.folder, readOnly: true } as const;

/** All that a sidecar mounts to know what to look at and to log it; nothing where it is to look at nothing. */
export function sidecarFileMounts({ observed }: Observed) {
  if (observed === undefined) return [];
  const reference = { name: REFERENCE.volume, mountPath: REFERENCE.folder, readOnly: true };
  return [
    settingsMount,
    ...(referenceOf({ observed }) === undefined ? [] : [reference]),
    ...trainingLogMounts(observed),
  ];
}

/** Volumes of the pod with these files. */
export function sidecarFileVolumes({ observed }: Observed) {
  if (observed === undefined) return [];
  const fieldRef = { apiVersion: "v1", fieldPath: `metadata.annotations['${ANNOTATION.sidecarSettings}']` };
  const reference = referenceOf({ observed });
  return [
    { name: SETTINGS.volume, downwardAPI: { items: [{ path: SETTINGS.file, fieldRef }] } },
    ...(reference === undefined ? [] : [referenceVolume(reference)]),
    ...trainingLogVolumes(observed),
  ];
}

/** The log must end before its volume is full, for that would end the pod: it is told of half of it. */
function trainingLogVolumes({ log }: ObservedRequests) {
  if (log === undefined) return [];
  return [
    { name: TRAINING_LOG.volume, emptyDir: { sizeLimit: TRAINING_LOG.size } },
    ...trainingLogStoreVolumes([log]),
  ];
}

function trainingLogMounts({ log }: ObservedRequests) {
  if (log === undefined) return [];
  return [
    { name: TRAINING_LOG.volume, mountPath: TRAINING_LOG.folder },
    ...trainingLogStoreVolumes([log]).map(() => trainingLogStoreMount),
  ];
}

function referenceOf({ observed }: Observed) {
  return observed?.observe.drift?.reference.file;
}

function referenceVolume({ kind, name, key }: NonNullable<ReturnType<typeof referenceOf>>) {
  const source = { optional: true, items: [{ key, path: REFERENCE.file }] };
  return kind === "Secret"
    ? { name: REFERENCE.volume, secret: { secretName: name, ...source } }
    : { name: REFERENCE.volume, configMap: { name, ...source } };
}
