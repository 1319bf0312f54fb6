/**
 * The small children of a ModelDeployment: its Services, NetworkPolicy, ServiceAccount, disruption budgets,
 * revisions and releases.
 */
import type { JsonRecord } from "../api/json.ts";
import type { KubeObject } from "../api/kube-object.ts";
import type { ModelRolloutSpec } from "../api/model-rollout-spec.ts";
import { API_GROUP_VERSION, COMPONENT, LABEL, MODEL_POD_PORT, TRAFFIC_PORT_NAME } from "../api/names.ts";
import type { TrafficPlan } from "../api/traffic-plan.ts";
import { childMetadata, type Owner } from "./child-metadata.ts";
import { routerLabels } from "./router.ts";

/** Port of the Service on which clients reach a model. */
export const SERVICE_PORT = 80;
/** A second port of the Service, with the usual number, for a model that is served over TLS. */
export const SERVICE_TLS_PORT = 443;

/**
 * The Service that clients call. It has no selector: every router adds an EndpointSlice of its own once it
 * carries out the traffic plan. With TLS both ports lead to the same door, so that none has to go away when TLS
 * comes: what speaks without TLS is refused there.
 *
 * Without TLS the door takes HTTP/2 without a negotiation. A gateway that is told so hands gRPC on; over HTTP/1.1, which
 * it would speak otherwise, it cannot.
 */
export function trafficService(owner: Owner, { port, tls }: Pick<TrafficPlan, "port" | "tls">): KubeObject {
  const servicePort = (name: keyof typeof TRAFFIC_PORT_NAME, number: number) => ({
    name: TRAFFIC_PORT_NAME[name],
    port: number,
    targetPort: port,
    protocol: "TCP",
    ...(tls === undefined ? { appProtocol: "kubernetes.io/h2c" } : {}),
  });
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: childMetadata(owner, owner.name),
    spec: {
      type: "ClusterIP",
      ports: [
        servicePort("plain", SERVICE_PORT),
        ...(tls === undefined ? [] : [servicePort("tls", SERVICE_TLS_PORT)]),
      ],
    },
  };
}

/** Labels of the pods of all model servers of a ModelDeployment. */
function groupLabels(owner: Owner) {
  return { [LABEL.modelDeployment]: owner.name, [LABEL.component]: COMPONENT.modelServer };
}

/** The headless Service of all model servers: for scrapers and for people. Requests go to the routers. */
export function modelServersService(owner: Owner, name: string): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: childMetadata(owner, name, { [LABEL.component]: COMPONENT.modelServer }),
    spec: {
      type: "ClusterIP",
      clusterIP: "None",
      selector: groupLabels(owner),
      ports: (["rest", "grpc", "metrics"] as const).map((port) => ({
        name: port,
        port: MODEL_POD_PORT[port],
        targetPort: port,
        protocol: "TCP",
      })),
    },
  };
}

/**
 * Lets nobody reach the model servers but the routers of the namespace, and scrapers the metrics alone. The kubelet's
 * probes come from the node, which is always let in. Routers may reach the ports of pods with a sidecar before the model
 * server and of those without, for both stand while one replaces the other. `hasSidecar` says whether the pods have sidecars,
 * with metrics of their own.
 */
export function modelServersPolicy(
  owner: Owner,
  name: string,
  metricsScrapers: readonly JsonRecord[],
  hasSidecar: boolean,
): KubeObject {
  const port = (number: number) => ({ port: number, protocol: "TCP" });
  const metricsPorts = [MODEL_POD_PORT.metrics, ...(hasSidecar ? [MODEL_POD_PORT.sidecar] : [])];
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: childMetadata(owner, name, { [LABEL.component]: COMPONENT.modelServer }),
    spec: {
      podSelector: { matchLabels: groupLabels(owner) },
      policyTypes: ["Ingress"],
      ingress: [
        {
          from: [{ podSelector: { matchLabels: routerLabels } }],
          ports: (["rest", "grpc", "inlineRest", "inlineGrpc"] as const).map((name) =>
            port(MODEL_POD_PORT[name]),
          ),
        },
        // A rule without peers would let everybody in.
        ...(metricsScrapers.length === 0 ? [] : [{ from: metricsScrapers, ports: metricsPorts.map(port) }]),
      ],
    },
  };
}

/** The ServiceAccount of the model servers. It has no rights and no token. */
export function modelServerAccount(owner: Owner, name: string): KubeObject {
  return {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: childMetadata(owner, name),
    automountServiceAccountToken: false,
  };
}

/** Keeps voluntary disruptions from taking more than one model server at a time. */
export function modelServersBudget(
  owner: Owner,
  name: string,
  matchLabels: Readonly<Record<string, string>>,
): KubeObject {
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: childMetadata(owner, name, matchLabels),
    spec: {
      maxUnavailable: 1,
      selector: { matchLabels },
      // A pod that is not ready serves nobody, unless it lacks its sidecar alone: it must never hold up a drain.
      unhealthyPodEvictionPolicy: "AlwaysAllow",
    },
  };
}

/** The ControllerRevision that keeps a pod revision. `labels` tell whose pods it shapes. */
export function podRevision(
  owner: Owner,
  name: string,
  number: number,
  labels: Readonly<Record<string, string>>,
  data: object,
): KubeObject {
  return {
    apiVersion: "apps/v1",
    kind: "ControllerRevision",
    metadata: childMetadata(owner, name, { ...labels, [LABEL.component]: COMPONENT.podRevision }),
    revision: number,
    data,
  };
}

/** The ControllerRevision that keeps what autoscaling has learned of the load. */
export function loadMemoryRevision(owner: Owner, name: string, number: number, data: object): KubeObject {
  return {
    apiVersion: "apps/v1",
    kind: "ControllerRevision",
    metadata: childMetadata(owner, name, { [LABEL.component]: COMPONENT.loadMemory }),
    revision: number,
    data,
  };
}

/** The ControllerRevision that keeps a model revision. */
export function controllerRevision(owner: Owner, name: string, number: number, data: object): KubeObject {
  return {
    apiVersion: "apps/v1",
    kind: "ControllerRevision",
    metadata: childMetadata(owner, name),
    revision: number,
    data,
  };
}

/** The ModelRollout of a release. What people write into its spec is not repeated, so it stays theirs. */
export function modelRollout(
  owner: Owner,
  name: string,
  { modelDeployment, revision, number, strategy, gates, holdback, maturities }: ModelRolloutSpec,
): KubeObject {
  return {
    apiVersion: API_GROUP_VERSION,
    kind: "ModelRollout",
    metadata: childMetadata(owner, name),
    spec: {
      modelDeployment,
      revision,
      number,
      strategy,
      ...(gates === undefined ? {} : { gates }),
      ...(holdback === undefined ? {} : { holdback }),
      ...(maturities === undefined ? {} : { maturities }),
    },
  };
}

/** What pauses a ModelRollout because of an anomaly: two fields, whatever else it says. It holds for this very one. */
export function rolloutPause(
  namespace: string,
  { rollout, uid, because }: { readonly rollout: string; readonly uid: string; readonly because: string },
): KubeObject {
  return {
    apiVersion: API_GROUP_VERSION,
    kind: "ModelRollout",
    metadata: { name: rollout, namespace, uid },
    spec: { paused: true, pausedFor: because },
  };
}
