/**
 * EndpointSlices: by them a Service sends its connections to this router, and the operator learns which plan is
 * in effect here. One for each ModelDeployment and router; nobody else writes it.
 *
 * Readiness follows what Envoy does, never what is wanted of it: a plan that is new or refused takes away nothing
 * that an earlier one gave. Pure.
 */
import { isIPv6 } from "node:net";
import { contentHash } from "../api/content-hash.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { ANNOTATION, API_GROUP, LABEL, MANAGED_BY } from "../api/names.ts";
import type { RouterIdentity } from "./router-identity.ts";
import type { Acknowledgement } from "./sequence.ts";

/** Label by which the EndpointSlices of routers are found. The value is Kubernetes' hint who must not touch them. */
export const SLICE_MANAGER = {
  label: "endpointslice.kubernetes.io/managed-by",
  value: `router.${API_GROUP}`,
} as const;

/** Label by which Kubernetes finds the EndpointSlices of a Service. */
const SERVICE_LABEL = "kubernetes.io/service-name";

const MAXIMUM_REJECTION_LENGTH = 1_024;
const MAXIMUM_PREFIX_LENGTH = 52;

/** How the router as a whole stands towards connections. */
export type RouterState =
  /** Envoy is up. */
  | "Serving"
  /** Envoy does not answer. */
  | "Down"
  /** The pod is about to go: no new connections, please. */
  | "Draining";

/** Name of the EndpointSlice of one ModelDeployment and router. */
export function sliceName(modelDeployment: string, { podUid }: RouterIdentity): string {
  const prefix = modelDeployment.slice(0, MAXIMUM_PREFIX_LENGTH).replace(/-+$/, "");
  return `${prefix}-${contentHash([modelDeployment, podUid])}`;
}

/** Renders the EndpointSlice of one ModelDeployment. */
export function renderSlice(
  modelDeployment: string,
  { serving, rejection, isListening = true }: Acknowledgement,
  state: RouterState,
  identity: RouterIdentity,
): KubeObject {
  const { namespace, podName, podUid, podIp, nodeName } = identity;
  const answers = serving !== undefined && isListening && state !== "Down";
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: sliceName(modelDeployment, identity),
      namespace,
      labels: {
        [SERVICE_LABEL]: modelDeployment,
        [SLICE_MANAGER.label]: SLICE_MANAGER.value,
        [LABEL.modelDeployment]: modelDeployment,
        [LABEL.managedBy]: MANAGED_BY,
      },
      annotations: {
        [ANNOTATION.acknowledgedEpoch]: String(serving?.epoch ?? 0),
        ...(rejection === undefined
          ? {}
          : { [ANNOTATION.rejection]: rejection.slice(0, MAXIMUM_REJECTION_LENGTH) }),
      },
      // The garbage collector removes it when the pod went without having been able to.
      ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: podName, uid: podUid }],
    },
    addressType: isIPv6(podIp) ? "IPv6" : "IPv4",
    ports: serving === undefined ? [] : [{ name: "http", port: serving.port, protocol: "TCP" }],
    endpoints: [
      {
        addresses: [podIp],
        nodeName,
        targetRef: { kind: "Pod", namespace, name: podName, uid: podUid },
        conditions: {
          ready: answers && state === "Serving",
          serving: answers,
          terminating: state === "Draining",
        },
      },
    ],
  };
}
