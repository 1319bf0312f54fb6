/**
 * The main container of a model pod: Petrel's model server, and how the kubelet sees whether it is well.
 */
import { parseDurationMilliseconds } from "../../api/duration.ts";
import { executionProviderOf } from "../../api/execution-provider.ts";
import { CONTAINER, MODEL_POD_PORT } from "../../api/names.ts";
import { DEFAULT_BATCH_ROWS, type RuntimeSpec } from "../../api/runtime.ts";
import { containerSecurityContext } from "../pod-security.ts";
import { containerResources } from "./container-resources.ts";
import type { ModelServersInput } from "./model-servers-input.ts";
import { modelVolumeMount } from "./model-volume.ts";
import { tapArguments, tapMounts } from "./sidecar-container.ts";
import { scoreArguments, tokenArguments, tokenMounts } from "./token-key.ts";

/** Time for a model server to load its model when the spec does not say. */
const DEFAULT_STARTUP_TIMEOUT = "30m";

/** A port of a model server, as a container has it. */
export function containerPort(port: keyof typeof MODEL_POD_PORT, name: string = port) {
  return { name, containerPort: MODEL_POD_PORT[port], protocol: "TCP" };
}

/** How the kubelet sees that a model server has started, and then that it can answer, at the port of this name. */
export function startupAndReadinessProbes(
  { startupTimeout = DEFAULT_STARTUP_TIMEOUT }: ModelServersInput,
  port: string,
) {
  const readiness = { httpGet: { path: "/v2/health/ready", port } };
  return {
    // Loading ends the start, however long it takes; a model that cannot load ends the process instead.
    startupProbe: {
      ...readiness,
      periodSeconds: 1,
      failureThreshold: Math.ceil(parseDurationMilliseconds(startupTimeout) / 1000),
    },
    readinessProbe: { ...readiness, periodSeconds: 2, failureThreshold: 2 },
  };
}

/** The container that serves the model. */
export function serveContainer(input: ModelServersInput) {
  const { runtime } = input;
  const executionProvider = executionProviderOf(runtime, input.pool);
  // A port of its own: a server that is only busy must not be killed for answering late.
  const liveness = { httpGet: { path: "/v2/health/live", port: "liveness" } };
  return {
    name: CONTAINER.serve,
    image: executionProvider === "CUDA" ? input.cudaImage : input.image,
    imagePullPolicy: input.imagePullPolicy,
    args: [
      "serve",
      "--model-name",
      input.owner.name,
      "--model-version",
      input.revision,
      "--execution-provider",
      executionProvider,
      "--intra-op-threads",
      String(runtime.intraOpThreads),
      "--model-revision",
      input.revision,
      ...versionArguments(runtime),
      ...batchingArguments(runtime),
      ...tokenArguments(input),
      ...scoreArguments(input),
      ...tapArguments(input),
    ],
    ports: [
      containerPort("rest"),
      containerPort("grpc"),
      containerPort("liveness"),
      containerPort("metrics"),
    ],
    resources: containerResources(input.pool),
    securityContext: containerSecurityContext,
    ...startupAndReadinessProbes(input, "rest"),
    livenessProbe: { ...liveness, periodSeconds: 10, failureThreshold: 6 },
    volumeMounts: [
      { ...modelVolumeMount(input.model), readOnly: true },
      ...tokenMounts(input),
      ...tapMounts(input),
    ],
    terminationMessagePolicy: "File",
  };
}

function versionArguments({ modelVersions }: RuntimeSpec): string[] {
  return modelVersions === undefined ? [] : ["--model-versions", modelVersions];
}

function batchingArguments({ batching }: RuntimeSpec): string[] {
  if (batching === undefined) return [];
  const rows = ["--batch-max-rows", String(batching.maxRows ?? DEFAULT_BATCH_ROWS)];
  return batching.maxDelay === undefined ? rows : [...rows, "--batch-max-delay", batching.maxDelay];
}
