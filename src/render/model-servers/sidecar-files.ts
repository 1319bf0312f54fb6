/**
 * Files that a sidecar reads: its settings, which are an annotation of the pod, so that all containers get those of their
 * own template, and the reference for drift, a key of a ConfigMap or Secret.
 *
 * A reference that is missing must keep no pod from starting.
 */
import { ANNOTATION } from "../../api/names.ts";
import type { ModelServersInput } from "./model-servers-input.ts";
import { sidecarSettings } from "./sidecar-settings.ts";

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

/** Where a container sees the settings. */
export const SETTINGS_PATH = `${SETTINGS.folder}/${SETTINGS.file}`;
const REFERENCE_PATH = `${REFERENCE.folder}/${REFERENCE.file}`;

type Observed = Pick<ModelServersInput, "observed">;

/** Annotations of the pod. */
export function sidecarAnnotations({ observed }: Observed) {
  if (observed === undefined) return {};
  return { annotations: { [ANNOTATION.sidecarSettings]: sidecarSettings(observed, REFERENCE_PATH) } };
}

/** How a container mounts the settings. */
export const settingsMount = { name: SETTINGS.volume, mountPath: SETTINGS.folder, readOnly: true } as const;

/** All that a sidecar mounts to know what to look at; nothing where it is to look at nothing. */
export function sidecarFileMounts({ observed }: Observed) {
  if (observed === undefined) return [];
  const reference = { name: REFERENCE.volume, mountPath: REFERENCE.folder, readOnly: true };
  return [settingsMount, ...(referenceOf({ observed }) === undefined ? [] : [reference])];
}

/** Volumes of the pod with these files. */
export function sidecarFileVolumes({ observed }: Observed) {
  if (observed === undefined) return [];
  const fieldRef = { apiVersion: "v1", fieldPath: `metadata.annotations['${ANNOTATION.sidecarSettings}']` };
  const reference = referenceOf({ observed });
  return [
    { name: SETTINGS.volume, downwardAPI: { items: [{ path: SETTINGS.file, fieldRef }] } },
    ...(reference === undefined ? [] : [referenceVolume(reference)]),
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
