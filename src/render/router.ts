/**
 * The objects of a namespace's routers: Envoy, and beside it the program that configures it.
 *
 * They belong to the namespace, not to one ModelDeployment. The router's token is mounted into the router
 * container alone: Envoy, which faces the network, never holds it.
 */
import { type Credential, credentialText } from "../api/credential.ts";
import { asList, valueAt } from "../api/json.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { COMPONENT, CONTAINER, LABEL, MANAGED_BY } from "../api/names.ts";
import { LONGEST_TIMEOUT_SECONDS } from "../api/traffic.ts";
import { COLLECTOR_KEY, COLLECTOR_NAME, COLLECTOR_PORT, collectorHost } from "./collector-names.ts";
import { CREDENTIAL_DIRECTORY, credentialSources } from "./credential-files.ts";
import { containerSecurityContext, podSecurityContext } from "./pod-security.ts";
import { type RouterPods, routerPlacement, routerResources } from "./router-pods.ts";
import { topologySpread } from "./topology-spread.ts";

/** Name of every object of the routers. */
export const ROUTER_NAME = "petrel-router";

/** Folder that both containers share: the router writes Envoy's configuration there. */
export const ENVOY_CONFIG_DIRECTORY = "/etc/petrel/envoy";

/** Ports of a router pod that are not for model traffic. */
export const ROUTER_PORT = { http: 9090, envoyMetrics: 9902 } as const;

/** Beyond the longest request, for the answer to reach its client. */
const DRAIN_GRACE_SECONDS = 5;

/** Path on which the program beside Envoy answers once Envoy may be ended. */
export const DRAINED_PATH = "/drained";

/** Path on which it tells the operator of first tries, with the name of a ModelDeployment as `?deployment=`. */
export const FIRST_TRIES_PATH = "/first-tries";

/** Path on which it tells the operator of the load of all that scales, after the slot that is given as `?after=`. */
export const LOAD_PATH = "/load";

const LEAST_DRAIN_SECONDS = 15;
/**
 * How long Envoy goes on once its pod is deleted: long enough for clients to move their connections away, then until
 * no request is under way. Envoy itself breaks off requests when it is told to end.
 */
export const ROUTER_DRAIN_SECONDS = {
  least: LEAST_DRAIN_SECONDS,
  /** A request that came at the last moment of the least time has its answer by then. */
  longest: LEAST_DRAIN_SECONDS + LONGEST_TIMEOUT_SECONDS + DRAIN_GRACE_SECONDS,
} as const;

/** After this time Envoy closes the connections of a listener that was changed or removed, idle or not. */
const LISTENER_DRAIN_SECONDS = LONGEST_TIMEOUT_SECONDS + DRAIN_GRACE_SECONDS;

/** For the rest of the way: the router says that it leaves, and both containers end. */
const TERMINATION_SECONDS = 15;

/** What the objects are made from. */
export interface RouterInput {
  readonly namespace: string;
  readonly replicas: number;
  readonly image: string;
  readonly envoyImage: string;
  readonly imagePullPolicy: string;
  /** What the installation says about the pods; nothing unless given. */
  readonly pods?: RouterPods;
  /** What the doors of the namespace's ModelDeployments need; each once, in a fixed order. */
  readonly credentials: readonly Credential[];
  /** Whether answers are counted, by a collector in the namespace; not unless given. */
  readonly isCounting?: boolean;
  /** Whose rights the router gets in this namespace. */
  readonly role: { readonly kind: "ClusterRole" | "Role"; readonly name: string };
}

type ContainerResources = ReturnType<typeof routerResources>["router"];

/** Labels of every object of the routers. */
export const routerLabels = { [LABEL.managedBy]: MANAGED_BY, [LABEL.component]: COMPONENT.router } as const;

function metadata(input: RouterInput) {
  return { name: ROUTER_NAME, namespace: input.namespace, labels: routerLabels };
}

function podField(name: string, fieldPath: string) {
  return { name, valueFrom: { fieldRef: { apiVersion: "v1", fieldPath } } };
}

/** Of another container; that of the node where it has no limit. */
function memoryLimitOf(name: string, containerName: string) {
  return { name, valueFrom: { resourceFieldRef: { containerName, resource: "limits.memory" } } };
}

const configMount = { name: "envoy-config", mountPath: ENVOY_CONFIG_DIRECTORY };

/** The router reads them, too: it takes no plan whose files are missing or broken. */
const credentialMount = { name: "credentials", mountPath: CREDENTIAL_DIRECTORY, readOnly: true };

/** Envoy writes its access log there; the router keeps there what the collector has not taken. */
const ACCESS_LOG_DIRECTORY = "/var/log/petrel";
const COLLECTOR_ACCESS_DIRECTORY = "/etc/petrel/collector";
/** Four times what the router keeps for a collector that is away. */
const ACCESS_LOG_SIZE = "256Mi";
/** So much of the log is lost with an Envoy that is killed. */
const LOG_FLUSH_MILLISECONDS = 1_000;

const accessLogMount = { name: "access-log", mountPath: ACCESS_LOG_DIRECTORY };
const collectorAccessMount = {
  name: "collector-access",
  mountPath: COLLECTOR_ACCESS_DIRECTORY,
  readOnly: true,
};

/** Volumes of what is counted. A router whose Secret is missing routes all the same. */
const countingVolumes = [
  { name: accessLogMount.name, emptyDir: { sizeLimit: ACCESS_LOG_SIZE } },
  {
    name: collectorAccessMount.name,
    secret: {
      secretName: COLLECTOR_NAME,
      optional: true,
      items: [{ key: COLLECTOR_KEY.accessTokens, path: COLLECTOR_KEY.accessTokens }],
    },
  },
] as const;

/** Whether the routers of this pod tell the collector of answers, and take labels to it. */
export function isCountingRouter(pod: KubeObject): boolean {
  return asList(valueAt(pod, "spec", "volumes")).some(
    (volume) => valueAt(volume, "name") === collectorAccessMount.name,
  );
}

function countingArguments(namespace: string): readonly string[] {
  const host = collectorHost(namespace);
  return [
    `--collector=http://${host}:${COLLECTOR_PORT.internal}`,
    `--feedback-address=${host}:${COLLECTOR_PORT.feedback}`,
    `--access-token=${COLLECTOR_ACCESS_DIRECTORY}/${COLLECTOR_KEY.accessTokens}`,
    `--access-log-directory=${ACCESS_LOG_DIRECTORY}`,
  ];
}

function routerContainer(input: RouterInput, resources: ContainerResources) {
  const probe = (path: string) => ({ httpGet: { path, port: "http" } });
  return {
    name: CONTAINER.router,
    image: input.image,
    imagePullPolicy: input.imagePullPolicy,
    // Always: a native sidecar. It starts before Envoy, and on the way out it outlives it.
    restartPolicy: "Always",
    args: [
      "router",
      "--namespace=$(POD_NAMESPACE)",
      "--pod-name=$(POD_NAME)",
      "--pod-uid=$(POD_UID)",
      "--pod-ip=$(POD_IP)",
      "--node-name=$(NODE_NAME)",
      // Envoy has to refuse what takes much memory before the kernel ends it.
      "--envoy-memory-bytes=$(ENVOY_MEMORY_BYTES)",
      ...input.credentials.map((credential) => `--credential=${credentialText(credential)}`),
      ...(input.isCounting === true ? countingArguments(input.namespace) : []),
    ],
    env: [
      podField("POD_NAMESPACE", "metadata.namespace"),
      podField("POD_NAME", "metadata.name"),
      podField("POD_UID", "metadata.uid"),
      podField("POD_IP", "status.podIP"),
      podField("NODE_NAME", "spec.nodeName"),
      memoryLimitOf("ENVOY_MEMORY_BYTES", CONTAINER.envoy),
    ],
    ports: [{ name: "http", containerPort: ROUTER_PORT.http, protocol: "TCP" }],
    resources,
    securityContext: containerSecurityContext,
    startupProbe: { ...probe("/startupz"), periodSeconds: 1, failureThreshold: 300 },
    readinessProbe: { ...probe("/readyz"), periodSeconds: 2, failureThreshold: 2 },
    livenessProbe: { ...probe("/healthz"), periodSeconds: 10, failureThreshold: 6 },
    volumeMounts: [
      configMount,
      { name: "api-access", mountPath: "/var/run/secrets/kubernetes.io/serviceaccount", readOnly: true },
      ...(input.credentials.length === 0 ? [] : [credentialMount]),
      ...(input.isCounting === true ? [accessLogMount, collectorAccessMount] : []),
    ],
  };
}

function envoyContainer(input: RouterInput, resources: ContainerResources) {
  return {
    name: CONTAINER.envoy,
    image: input.envoyImage,
    imagePullPolicy: input.imagePullPolicy,
    args: [
      ...["--config-path", `${ENVOY_CONFIG_DIRECTORY}/bootstrap.json`, "--disable-hot-restart"],
      // As many threads as a router needs, whatever the size of the node: each has its own connections and checks.
      ...["--concurrency", "2"],
      // Listeners that are told to drain close after this time; by default only after ten minutes.
      ...["--drain-time-s", String(LISTENER_DRAIN_SECONDS), "--drain-strategy", "immediate"],
      ...(input.isCounting === true ? ["--file-flush-interval-msec", String(LOG_FLUSH_MILLISECONDS)] : []),
    ],
    ports: [{ name: "envoy-metrics", containerPort: ROUTER_PORT.envoyMetrics, protocol: "TCP" }],
    resources,
    securityContext: containerSecurityContext,
    readinessProbe: {
      httpGet: { path: "/ready", port: "envoy-metrics" },
      periodSeconds: 2,
      failureThreshold: 2,
    },
    // Asked of the router, which sees what is under way.
    lifecycle: { preStop: { httpGet: { path: DRAINED_PATH, port: ROUTER_PORT.http } } },
    volumeMounts: [
      { ...configMount, readOnly: true },
      ...(input.credentials.length === 0 ? [] : [credentialMount]),
      ...(input.isCounting === true ? [accessLogMount] : []),
    ],
  };
}

/** The usual token, certificate and namespace, as a volume of its own so that one container alone can mount it. */
const apiAccessVolume = {
  name: "api-access",
  projected: {
    sources: [
      { serviceAccountToken: { path: "token", expirationSeconds: 3607 } },
      { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
      {
        downwardAPI: {
          items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }],
        },
      },
    ],
  },
} as const;

function routerDeployment(input: RouterInput): KubeObject {
  const { pods = {} } = input;
  const resources = routerResources(pods);
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: metadata(input),
    spec: {
      replicas: input.replicas,
      selector: { matchLabels: routerLabels },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      revisionHistoryLimit: 2,
      template: {
        metadata: { labels: routerLabels },
        spec: {
          serviceAccountName: ROUTER_NAME,
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          securityContext: podSecurityContext,
          terminationGracePeriodSeconds: ROUTER_DRAIN_SECONDS.longest + TERMINATION_SECONDS,
          ...routerPlacement(pods),
          ...topologySpread(routerLabels),
          initContainers: [routerContainer(input, resources.router)],
          containers: [envoyContainer(input, resources.envoy)],
          volumes: [
            { name: "envoy-config", emptyDir: { sizeLimit: "64Mi" } },
            apiAccessVolume,
            ...(input.credentials.length === 0
              ? []
              : [
                  {
                    name: credentialMount.name,
                    projected: { sources: credentialSources(input.credentials) },
                  },
                ]),
            ...(input.isCounting === true ? countingVolumes : []),
          ],
        },
      },
    },
  };
}

/** All objects of the routers, in the order in which they must be made. */
export function routerObjects(input: RouterInput): readonly KubeObject[] {
  return [
    {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: metadata(input),
      automountServiceAccountToken: false,
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: metadata(input),
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: input.role.kind, name: input.role.name },
      subjects: [{ kind: "ServiceAccount", name: ROUTER_NAME, namespace: input.namespace }],
    },
    {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: metadata(input),
      spec: {
        maxUnavailable: 1,
        selector: { matchLabels: routerLabels },
        unhealthyPodEvictionPolicy: "AlwaysAllow",
      },
    },
    routerDeployment(input),
  ];
}
