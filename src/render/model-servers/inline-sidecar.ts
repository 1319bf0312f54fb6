/**
 * The sidecar of a pod whose model server is not Petrel's: it stands before the container, so that requests reach the
 * pod at its ports and go on to the container's over the loopback. It gives answers their tokens and observes requests.
 *
 * Requests depend on it. So a pod is ready only while it is, it is started again when it hangs, and routers learn its
 * ports from the pod itself: pods with it and without stand side by side while one replaces the other. As an init
 * container that stays it is there before the container, and ends once that has ended: requests under way are answered.
 */
import { asList, asNumber, valueAt } from "../../api/json.ts";
import type { KubeObject } from "../../api/kube-object.ts";
import { CONTAINER, MODEL_POD_PORT } from "../../api/names.ts";
import { containerSecurityContext } from "../pod-security.ts";
import { sidecarResources } from "./container-resources.ts";
import type { ModelServersInput } from "./model-servers-input.ts";
import { SETTINGS_PATH, sidecarFileMounts } from "./sidecar-files.ts";
import { tokenArguments, tokenMounts } from "./token-key.ts";

/** All requests pass through it. */
const DEFAULT_REQUESTS = { cpu: "250m", memory: "320Mi", "ephemeral-storage": "64Mi" } as const;
const DEFAULT_LIMITS = { memory: "512Mi" } as const;
/** Names of its ports, by which a Service finds them, too. */
const PORT_NAME = { rest: "rest", grpc: "grpc" } as const;

/** Whether a sidecar stands before the model server. */
export function standsInline({ runtime, tokenPool }: ModelServersInput): boolean {
  return runtime.container !== undefined && tokenPool !== undefined;
}

/** The container. */
export function inlineSidecarContainer(input: ModelServersInput) {
  const { owner, revision, image, imagePullPolicy, observed } = input;
  const alive = { httpGet: { path: "/healthz", port: "sidecar" } };
  return {
    name: CONTAINER.sidecar,
    image,
    imagePullPolicy,
    restartPolicy: "Always",
    args: [
      "sidecar",
      `--rest-upstream=http://127.0.0.1:${MODEL_POD_PORT.rest}`,
      `--grpc-upstream=http://127.0.0.1:${MODEL_POD_PORT.grpc}`,
      `--rest-port=${MODEL_POD_PORT.inlineRest}`,
      `--grpc-port=${MODEL_POD_PORT.inlineGrpc}`,
      `--model-name=${owner.name}`,
      `--model-revision=${revision}`,
      ...(observed === undefined ? [] : [`--settings=${SETTINGS_PATH}`]),
      ...tokenArguments(input),
    ],
    ports: [
      { name: PORT_NAME.rest, containerPort: MODEL_POD_PORT.inlineRest, protocol: "TCP" },
      { name: PORT_NAME.grpc, containerPort: MODEL_POD_PORT.inlineGrpc, protocol: "TCP" },
      { name: "sidecar", containerPort: MODEL_POD_PORT.sidecar, protocol: "TCP" },
    ],
    resources: sidecarResources(DEFAULT_REQUESTS, DEFAULT_LIMITS, observed),
    securityContext: containerSecurityContext,
    // The container starts once it listens. It must not wait for the model here: that would be to wait for each other.
    startupProbe: { ...alive, periodSeconds: 1, failureThreshold: 60 },
    // The answer is the container's own.
    readinessProbe: {
      httpGet: { path: "/v2/health/ready", port: PORT_NAME.rest },
      periodSeconds: 2,
      failureThreshold: 2,
    },
    livenessProbe: { ...alive, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
    volumeMounts: [...tokenMounts(input), ...sidecarFileMounts(input)],
    terminationMessagePolicy: "FallbackToLogsOnError",
  };
}

/** The ports at which requests reach a pod, where a sidecar stands before its model server; undefined elsewhere. */
export function inlinePorts(pod: KubeObject): { readonly rest: number; readonly grpc: number } | undefined {
  const sidecar = asList(valueAt(pod, "spec", "initContainers")).find(
    (container) => valueAt(container, "name") === CONTAINER.sidecar,
  );
  const portNamed = (name: string) =>
    asNumber(
      valueAt(
        asList(valueAt(sidecar, "ports")).find((port) => valueAt(port, "name") === name),
        "containerPort",
      ),
    );
  const [rest, grpc] = [portNamed(PORT_NAME.rest), portNamed(PORT_NAME.grpc)];
  return rest === undefined || grpc === undefined ? undefined : { rest, grpc };
}
