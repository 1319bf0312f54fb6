/**
 * The small children of a ModelDeployment: its Service, ServiceAccount, disruption budgets and revisions.
 */
import type { KubeObject } from "../api/kube-object.ts";
import { childMetadata, type Owner } from "./child-metadata.ts";

/** Port of the Service on which clients reach a model. */
export const SERVICE_PORT = 80;

/**
 * The Service that clients call. It has no selector: every router adds an EndpointSlice of its own once it
 * carries out the traffic plan.
 */
export function trafficService(owner: Owner, trafficPort: number): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: childMetadata(owner, owner.name),
    spec: {
      type: "ClusterIP",
      ports: [{ name: "http", port: SERVICE_PORT, targetPort: trafficPort, protocol: "TCP" }],
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
      // A pod that is not ready serves nobody: it must never hold up the drain of its node.
      unhealthyPodEvictionPolicy: "AlwaysAllow",
    },
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
