/**
 * EndpointSlices: by them a Service sends its connections to this router, and the operator learns which plan is
 * in effect here. One for each ModelDeployment and router. Nobody else writes it, except for the mark of another
 * router that gets no answer any more (`peer-slices.ts`).
 *
 * Readiness follows what Envoy does, never what is wanted of it: a plan that is new or refused takes away nothing
 * that an earlier one gave. Pure.
 */
import { isIPv6 } from "node:net";
import { contentHash } from "../api/content-hash.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { ANNOTATION, LABEL, MANAGED_BY, SLICE_MANAGER, TRAFFIC_PORT_NAME } from "../api/names.ts";
import type { RouterIdentity } from "./router-identity.ts";
import type { Acknowledgement } from "./sequence.ts";

/** Selects the EndpointSlices of all routers. */
export const ROUTER_SLICES_SELECTOR = `${SLICE_MANAGER.label}=${SLICE_MANAGER.value}`;

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
  { serving, rejection, credentialProblem, isListening = true }: Acknowledgement,
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
        ...(credentialProblem === undefined
          ? {}
          : { [ANNOTATION.credentialProblem]: credentialProblem.slice(0, MAXIMUM_REJECTION_LENGTH) }),
      },
      // The garbage collector removes it when the pod went without having been able to.
      ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: podName, uid: podUid }],
    },
    addressType: isIPv6(podIp) ? "IPv6" : "IPv4",
    ports: serving === undefined ? [] : portsOf(serving),
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

/** The ports of the Service: two with TLS, to one door. */
function portsOf({ port, isTls }: NonNullable<Acknowledgement["serving"]>) {
  const names = isTls === true ? [TRAFFIC_PORT_NAME.plain, TRAFFIC_PORT_NAME.tls] : [TRAFFIC_PORT_NAME.plain];
  return names.map((name) => ({ name, port, protocol: "TCP" }));
}
