/**
 * The sidecar of a model pod, and what Petrel's model server needs to tell it of requests: a socket in memory, and the
 * settings. One that stands before a foreign server is another ({@link standsInline}).
 *
 * Beside Petrel's server it must never take the model out of service. So it has no probe: a pod is ready as long as the
 * sidecar's container runs, and that begins anew by itself after a failure rather than end. The model server waits for
 * nothing of it.
 */
import { CONTAINER, MODEL_POD_PORT } from "../../api/names.ts";
import { containerSecurityContext } from "../pod-security.ts";
import { sidecarResources } from "./container-resources.ts";
import { inlineSidecarContainer, standsInline } from "./inline-sidecar.ts";
import type { ModelServersInput } from "./model-servers-input.ts";
import { SETTINGS_PATH, settingsMount, sidecarFileMounts, sidecarFileVolumes } from "./sidecar-files.ts";

const SOCKET = { volume: "sidecar-socket", folder: "/run/petrel", file: "/run/petrel/tap" } as const;
const DEFAULT_REQUESTS = { cpu: "50m", memory: "160Mi", "ephemeral-storage": "64Mi" } as const;
/** What it keeps is bounded; this keeps a mistake there from the model server. */
const DEFAULT_LIMITS = { memory: "256Mi" } as const;

type Observed = Pick<ModelServersInput, "observed">;

/** The sidecar, as an init container that stays: it is there before the model server and ends after it. */
export function sidecarContainers(input: ModelServersInput) {
  if (standsInline(input)) return [inlineSidecarContainer(input)];
  const { observed, image, imagePullPolicy } = input;
  if (observed === undefined) return [];
  return [
    {
      name: CONTAINER.sidecar,
      image,
      imagePullPolicy,
      restartPolicy: "Always",
      args: ["sidecar", `--settings=${SETTINGS_PATH}`, `--tap-socket=${SOCKET.file}`, "--outlive-failures"],
      ports: [{ name: "sidecar", containerPort: MODEL_POD_PORT.sidecar, protocol: "TCP" }],
      resources: sidecarResources(DEFAULT_REQUESTS, DEFAULT_LIMITS, observed.observe.resources),
      securityContext: containerSecurityContext,
      volumeMounts: [{ name: SOCKET.volume, mountPath: SOCKET.folder }, ...sidecarFileMounts({ observed })],
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

/** Volumes of the pod. */
export function sidecarVolumes(input: ModelServersInput) {
  if (standsInline(input)) return sidecarFileVolumes(input);
  if (input.observed === undefined) return [];
  return [
    { name: SOCKET.volume, emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
    ...sidecarFileVolumes(input),
  ];
}
