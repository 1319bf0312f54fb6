/**
 * The main container of a model pod whose model server is not Petrel's: an image of the user's choice on the ports, the
 * probes and the paths that all else expects.
 *
 * It gets no more rights than Petrel's own server, and nothing that the fetch was given.
 */
import type { ContainerRuntime } from "../../api/container-runtime.ts";
import { CONTAINER } from "../../api/names.ts";
import { containerSecurityContext } from "../pod-security.ts";
import { containerResources } from "./container-resources.ts";
import { standsInline } from "./inline-sidecar.ts";
import type { ModelServersInput } from "./model-servers-input.ts";
import { modelRepositoryMount } from "./model-volume.ts";
import { containerPort, startupAndReadinessProbes } from "./serve-container.ts";

/** What such a server may write: files that end with the pod, and memory that its processes share. */
export const foreignVolumes = [
  { name: "tmp", emptyDir: {} },
  { name: "shared-memory", emptyDir: { medium: "Memory", sizeLimit: "1Gi" } },
] as const;

/** Petrel's own server goes on for a moment when it is told to end. For another one the kubelet waits before it tells. */
const SECONDS_UNTIL_NOBODY_CALLS = 5;

/** The container that serves the model in place of Petrel's. */
export function foreignContainer(input: ModelServersInput, container: ContainerRuntime) {
  const { image, command, args, env } = container;
  // The usual names are those of the ports that requests come to.
  const [rest, grpc] = standsInline(input) ? ["runtime-rest", "runtime-grpc"] : ["rest", "grpc"];
  return {
    name: CONTAINER.serve,
    image,
    ...(command === undefined ? {} : { command }),
    ...(args === undefined ? {} : { args }),
    ...(env === undefined ? {} : { env }),
    ports: [containerPort("rest", rest), containerPort("grpc", grpc), containerPort("metrics")],
    resources: containerResources(input.pool),
    securityContext: containerSecurityContext,
    ...startupAndReadinessProbes(input, rest),
    // On the port of requests: one that is only busy gets a minute.
    livenessProbe: {
      httpGet: { path: "/v2/health/live", port: rest },
      periodSeconds: 10,
      timeoutSeconds: 5,
      failureThreshold: 6,
    },
    lifecycle: { preStop: { sleep: { seconds: SECONDS_UNTIL_NOBODY_CALLS } } },
    volumeMounts: [
      modelRepositoryMount(input.model, input.owner.name),
      { name: "tmp", mountPath: "/tmp" },
      { name: "shared-memory", mountPath: "/dev/shm" },
    ],
    // What it says at its end is in its log; nobody can expect it to write a message for Kubernetes.
    terminationMessagePolicy: "FallbackToLogsOnError",
  };
}
