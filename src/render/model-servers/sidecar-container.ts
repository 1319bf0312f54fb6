/**
 * The sidecar of a model pod, and what the model server needs to tell it of requests: a socket in memory, and the
 * settings, which are an annotation of the pod, so that both get those of their own template.
 *
 * It must never take the model out of service. So it has no probe: a pod is ready as long as the sidecar's container
 * runs, and that begins anew by itself after a failure rather than end. The model server waits for nothing of it.
 */
import { ANNOTATION, CONTAINER, MODEL_POD_PORT } from "../../api/names.ts";
import { containerSecurityContext } from "../pod-security.ts";
import { quantities } from "../quantities.ts";
import { trainingLogStoreMount, trainingLogStoreVolumes } from "../training-log-store.ts";
import type { ModelServersInput } from "./model-servers-input.ts";
import { type ObservedRequests, sidecarSettings } from "./sidecar-settings.ts";

const SOCKET = { volume: "sidecar-socket", folder: "/run/petrel", file: "/run/petrel/tap" } as const;
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

const SETTINGS_PATH = `${SETTINGS.folder}/${SETTINGS.file}`;
const REFERENCE_PATH = `${REFERENCE.folder}/${REFERENCE.file}`;

const DEFAULT_REQUESTS = { cpu: "50m", memory: "160Mi", "ephemeral-storage": "64Mi" } as const;
/** With the files of a training log. */
const LOGGING_REQUESTS = { ...DEFAULT_REQUESTS, "ephemeral-storage": "192Mi" } as const;
/** What it keeps is bounded; this keeps a mistake there from the model server. */
const DEFAULT_LIMITS = { memory: "256Mi" } as const;

type Observed = Pick<ModelServersInput, "observed">;

/** Annotations of the pod. */
export function sidecarAnnotations({ observed }: Observed) {
  if (observed === undefined) return {};
  const paths = { reference: REFERENCE_PATH, trainingLog: TRAINING_LOG.folder };
  return { annotations: { [ANNOTATION.sidecarSettings]: sidecarSettings(observed, paths) } };
}

/** The sidecar, as an init container that stays: it is there before the model server and ends after it. */
export function sidecarContainers({ observed, image, imagePullPolicy }: ModelServersInput) {
  if (observed === undefined) return [];
  return [
    {
      name: CONTAINER.sidecar,
      image,
      imagePullPolicy,
      restartPolicy: "Always",
      args: ["sidecar", `--settings=${SETTINGS_PATH}`, `--tap-socket=${SOCKET.file}`, "--outlive-failures"],
      ports: [{ name: "sidecar", containerPort: MODEL_POD_PORT.sidecar, protocol: "TCP" }],
      resources: sidecarResources(observed),
      securityContext: containerSecurityContext,
      volumeMounts: [
        { name: SOCKET.volume, mountPath: SOCKET.folder },
        settingsMount,
        ...(referenceOf({ observed }) === undefined
          ? []
          : [{ name: REFERENCE.volume, mountPath: REFERENCE.folder, readOnly: true }]),
        ...trainingLogMounts(observed),
      ],
      terminationMessagePolicy: "File",
    },
  ];
}

/** Arguments of the model server. */
export function tapArguments({ observed }: Observed): readonly string[] {
  return observed === undefined ? [] : [`--tap-socket=${SOCKET.file}`, `--tap-settings=${SETTINGS_PATH}`];
}

/** What the model server mounts. To connect to a socket, nothing has to be written. */
export function tapMounts({ observed }: Observed) {
  if (observed === undefined) return [];
  return [{ name: SOCKET.volume, mountPath: SOCKET.folder, readOnly: true }, settingsMount];
}

/** Volumes of the pod. A reference that is missing keeps no pod from starting. */
export function sidecarVolumes({ observed }: Observed) {
  if (observed === undefined) return [];
  const fieldRef = { apiVersion: "v1", fieldPath: `metadata.annotations['${ANNOTATION.sidecarSettings}']` };
  const reference = referenceOf({ observed });
  return [
    { name: SOCKET.volume, emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
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

const settingsMount = { name: SETTINGS.volume, mountPath: SETTINGS.folder, readOnly: true } as const;

function referenceOf({ observed }: Observed) {
  return observed?.observe.drift?.reference.file;
}

function referenceVolume({ kind, name, key }: NonNullable<ReturnType<typeof referenceOf>>) {
  const source = { optional: true, items: [{ key, path: REFERENCE.file }] };
  return kind === "Secret"
    ? { name: REFERENCE.volume, secret: { secretName: name, ...source } }
    : { name: REFERENCE.volume, configMap: { name, ...source } };
}

function sidecarResources({ observe: { resources: stated }, log }: ObservedRequests) {
  const usual = log === undefined ? DEFAULT_REQUESTS : LOGGING_REQUESTS;
  const [limits, requests] = [quantities(stated?.limits ?? {}), quantities(stated?.requests ?? {})];
  const bounds = "memory" in limits || "memory" in requests ? limits : { ...DEFAULT_LIMITS, ...limits };
  return {
    // A limit without a request is the request too (a rule of Kubernetes), so no default may stand before it.
    requests: { ...usual, ...limits, ...requests },
    ...(Object.keys(bounds).length === 0 ? {} : { limits: bounds }),
  };
}
