/**
 * The objects of a namespace's routers: Envoy, and beside it the program that configures it.
 *
 * They belong to the namespace, not to one ModelDeployment. The router's token is mounted into the router
 * container alone: Envoy, which faces the network, never holds it.
 */
import type { KubeObject } from "../api/kube-object.ts";
import { COMPONENT, CONTAINER, LABEL, MANAGED_BY } from "../api/names.ts";
import { containerSecurityContext, podSecurityContext } from "./pod-security.ts";

/** Name of every object of the routers. */
export const ROUTER_NAME = "petrel-router";

/** Folder that both containers share: the router writes Envoy's configuration there. */
export const ENVOY_CONFIG_DIRECTORY = "/etc/petrel/envoy";

/** Ports of a router pod that are not for model traffic. */
export const ROUTER_PORT = { http: 9090, envoyMetrics: 9902 } as const;

/** How long Envoy goes on after its endpoint was taken out, so that connections can move away. */
const DRAIN_SECONDS = 15;

/** What the objects are made from. */
export interface RouterInput {
  readonly namespace: string;
  readonly replicas: number;
  readonly image: string;
  readonly envoyImage: string;
  readonly imagePullPolicy: string;
  /** ClusterRole whose rights the router gets in this namespace. */
  readonly clusterRole: string;
}

/** Labels of every object of the routers. */
export const routerLabels = { [LABEL.managedBy]: MANAGED_BY, [LABEL.component]: COMPONENT.router } as const;

function metadata(input: RouterInput) {
  return { name: ROUTER_NAME, namespace: input.namespace, labels: routerLabels };
}

function podField(name: string, fieldPath: string) {
  return { name, valueFrom: { fieldRef: { apiVersion: "v1", fieldPath } } };
}

const configMount = { name: "envoy-config", mountPath: ENVOY_CONFIG_DIRECTORY };

function routerContainer(input: RouterInput) {
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
    ],
    env: [
      podField("POD_NAMESPACE", "metadata.namespace"),
      podField("POD_NAME", "metadata.name"),
      podField("POD_UID", "metadata.uid"),
      podField("POD_IP", "status.podIP"),
      podField("NODE_NAME", "spec.nodeName"),
    ],
    ports: [{ name: "http", containerPort: ROUTER_PORT.http, protocol: "TCP" }],
    resources: { requests: { cpu: "50m", memory: "96Mi" }, limits: { memory: "256Mi" } },
    securityContext: containerSecurityContext,
    startupProbe: { ...probe("/startupz"), periodSeconds: 1, failureThreshold: 300 },
    readinessProbe: { ...probe("/readyz"), periodSeconds: 2, failureThreshold: 2 },
    livenessProbe: { ...probe("/healthz"), periodSeconds: 10, failureThreshold: 6 },
    volumeMounts: [
      configMount,
      { name: "api-access", mountPath: "/var/run/secrets/kubernetes.io/serviceaccount", readOnly: true },
    ],
  };
}

function envoyContainer(input: RouterInput) {
  return {
    name: CONTAINER.envoy,
    image: input.envoyImage,
    imagePullPolicy: input.imagePullPolicy,
    args: [
      ...["--config-path", `${ENVOY_CONFIG_DIRECTORY}/bootstrap.json`, "--disable-hot-restart"],
      // As many threads as a router needs, whatever the size of the node: each has its own connections and checks.
      ...["--concurrency", "2"],
      // Listeners that are told to drain close after this time; by default only after ten minutes.
      ...["--drain-time-s", String(DRAIN_SECONDS), "--drain-strategy", "immediate"],
    ],
    ports: [{ name: "envoy-metrics", containerPort: ROUTER_PORT.envoyMetrics, protocol: "TCP" }],
    resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "1Gi" } },
    securityContext: containerSecurityContext,
    readinessProbe: {
      httpGet: { path: "/ready", port: "envoy-metrics" },
      periodSeconds: 2,
      failureThreshold: 2,
    },
    lifecycle: { preStop: { sleep: { seconds: DRAIN_SECONDS } } },
    volumeMounts: [{ ...configMount, readOnly: true }],
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
          terminationGracePeriodSeconds: 60,
          topologySpreadConstraints: ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map(
            (topologyKey) => ({
              topologyKey,
              maxSkew: 1,
              whenUnsatisfiable: "ScheduleAnyway",
              labelSelector: { matchLabels: routerLabels },
            }),
          ),
          initContainers: [routerContainer(input)],
          containers: [envoyContainer(input)],
          volumes: [{ name: "envoy-config", emptyDir: { sizeLimit: "64Mi" } }, apiAccessVolume],
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
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: input.clusterRole },
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
