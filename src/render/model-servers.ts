/**
 * The Deployment of one model revision in one pool: an init container that fetches and verifies the model,
 * and the model server.
 *
 * Its `replicas` are only in the object while nobody else owns the field: they are set through `/scale`.
 */
import type { KubeObject } from "../api/kube-object.ts";
import type { ModelDeploymentSpec, ModelSource, PoolSpec } from "../api/model-deployment-spec.ts";
import { COMPONENT, CONTAINER, LABEL, MODEL_POD_PORT, MODEL_VOLUME } from "../api/names.ts";
import { childLabels, childMetadata, type Owner } from "./child-metadata.ts";
import { containerSecurityContext, podSecurityContext } from "./pod-security.ts";

/** What the Deployment is made from. */
export interface ModelServersInput {
  readonly owner: Owner;
  /** Name of the Deployment. */
  readonly name: string;
  /** Name of the ControllerRevision. */
  readonly revision: string;
  readonly model: ModelSource;
  readonly runtime: ModelDeploymentSpec["runtime"];
  readonly pool: PoolSpec;
  readonly serviceAccountName: string;
  readonly image: string;
  readonly imagePullPolicy: string;
  /** Value of `spec.replicas`; absent when another field manager owns it. */
  readonly replicas?: number;
}

/** Labels that select the pods of one revision in one pool. */
export function modelServerLabels(
  owner: Owner,
  revision: string,
  pool: string,
): Readonly<Record<string, string>> {
  return {
    ...childLabels(owner),
    [LABEL.component]: COMPONENT.modelServer,
    [LABEL.pool]: pool,
    [LABEL.modelRevision]: revision,
  };
}

/** Memory and CPU are shared between pods of a node; anything else is a device that only one pod can hold. */
function asksForDevice(pool: PoolSpec): boolean {
  return Object.keys(pool.resources?.limits ?? {}).some((resource) => resource.includes("/"));
}

/**
 * A device may not be free for a pod more, and a terminating pod still holds its own, so pods with devices are
 * replaced in place. Others start before the old one goes.
 */
function updateStrategy(pool: PoolSpec) {
  const rollingUpdate = asksForDevice(pool)
    ? { maxSurge: 0, maxUnavailable: 1 }
    : { maxSurge: 1, maxUnavailable: 0 };
  return { type: "RollingUpdate", rollingUpdate };
}

function quantities(list: Readonly<Record<string, string | number>> | undefined) {
  if (list === undefined) return undefined;
  return Object.fromEntries(Object.entries(list).map(([resource, amount]) => [resource, String(amount)]));
}

/**
 * What the scheduler reserves when the spec does not say. Without any request a pod gets CPU time only when nobody
 * else on the node wants it: requests then time out as soon as the node is busy.
 */
const DEFAULT_REQUESTS = { cpu: "250m", memory: "128Mi" } as const;

function containerResources(pool: PoolSpec) {
  const limits = quantities(pool.resources?.limits) ?? {};
  // A limit without a request is the request too (a rule of Kubernetes), so no default may stand before it.
  const requests = { ...DEFAULT_REQUESTS, ...limits, ...quantities(pool.resources?.requests) };
  return { requests, ...(Object.keys(limits).length === 0 ? {} : { limits }) };
}

const modelVolumeMount = { name: "model", mountPath: MODEL_VOLUME.mountPath };

function fetchContainer(input: ModelServersInput) {
  return {
    name: CONTAINER.fetch,
    image: input.image,
    imagePullPolicy: input.imagePullPolicy,
    args: ["fetch", "--uri", input.model.uri, "--digest", input.model.digest],
    resources: { requests: DEFAULT_REQUESTS },
    securityContext: containerSecurityContext,
    volumeMounts: [modelVolumeMount],
    terminationMessagePolicy: "File",
  };
}

function serveContainer(input: ModelServersInput) {
  const { runtime } = input;
  const healthProbe = (path: string) => ({ httpGet: { path, port: "rest" } });
  return {
    name: CONTAINER.serve,
    image: input.image,
    imagePullPolicy: input.imagePullPolicy,
    args: [
      "serve",
      "--model-name",
      input.owner.name,
      "--model-version",
      input.revision,
      "--execution-provider",
      runtime.executionProvider ?? "CPU",
      "--intra-op-threads",
      String(runtime.intraOpThreads),
    ],
    ports: [
      { name: "rest", containerPort: MODEL_POD_PORT.rest, protocol: "TCP" },
      { name: "grpc", containerPort: MODEL_POD_PORT.grpc, protocol: "TCP" },
      { name: "metrics", containerPort: MODEL_POD_PORT.metrics, protocol: "TCP" },
    ],
    resources: containerResources(input.pool),
    securityContext: containerSecurityContext,
    // Loading ends the start, however long it takes; a model that cannot load ends the process instead.
    startupProbe: { ...healthProbe("/v2/health/ready"), periodSeconds: 1, failureThreshold: 1800 },
    readinessProbe: { ...healthProbe("/v2/health/ready"), periodSeconds: 2, failureThreshold: 2 },
    livenessProbe: { ...healthProbe("/v2/health/live"), periodSeconds: 10, failureThreshold: 6 },
    volumeMounts: [{ ...modelVolumeMount, readOnly: true }],
    terminationMessagePolicy: "File",
  };
}

/** Replicas keep away from each other where they can, so that a node or a zone takes as few as possible along. */
function topologySpread(matchLabels: Readonly<Record<string, string>>) {
  return ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map((topologyKey) => ({
    topologyKey,
    maxSkew: 1,
    whenUnsatisfiable: "ScheduleAnyway",
    labelSelector: { matchLabels },
    matchLabelKeys: ["pod-template-hash"],
  }));
}

/** The Deployment of one model revision in one pool. */
export function modelServersDeployment(input: ModelServersInput): KubeObject {
  const labels = modelServerLabels(input.owner, input.revision, input.pool.name);
  const { pool } = input;
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: childMetadata(input.owner, input.name, labels),
    spec: {
      ...(input.replicas === undefined ? {} : { replicas: input.replicas }),
      selector: { matchLabels: labels },
      strategy: updateStrategy(pool),
      revisionHistoryLimit: 2,
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: input.serviceAccountName,
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          securityContext: podSecurityContext,
          terminationGracePeriodSeconds: 60,
          topologySpreadConstraints: topologySpread(labels),
          ...(pool.nodeSelector === undefined ? {} : { nodeSelector: pool.nodeSelector }),
          ...(pool.tolerations === undefined ? {} : { tolerations: pool.tolerations }),
          initContainers: [fetchContainer(input)],
          containers: [serveContainer(input)],
          volumes: [{ name: "model", emptyDir: {} }],
        },
      },
    },
  };
}
