/**
 * The resource types that Petrel touches. An object of a type that is not listed here cannot be read
 * or written, so this list and the chart's RBAC rules are two views of one thing.
 */

import { apiVersionOf, type ResourceType } from "./kube-object.ts";
import { API_GROUP, API_VERSION } from "./names.ts";

function resource(group: string, version: string, kind: string, plural: string): ResourceType {
  return { group, version, kind, plural, namespaced: true };
}

/** All resource types by a short name. */
export const RESOURCE = {
  modelDeployment: resource(API_GROUP, API_VERSION, "ModelDeployment", "modeldeployments"),
  modelRollout: resource(API_GROUP, API_VERSION, "ModelRollout", "modelrollouts"),
  modelExperiment: resource(API_GROUP, API_VERSION, "ModelExperiment", "modelexperiments"),
  failoverDrill: resource(API_GROUP, API_VERSION, "FailoverDrill", "failoverdrills"),
  pod: resource("", "v1", "Pod", "pods"),
  service: resource("", "v1", "Service", "services"),
  serviceAccount: resource("", "v1", "ServiceAccount", "serviceaccounts"),
  deployment: resource("apps", "v1", "Deployment", "deployments"),
  statefulSet: resource("apps", "v1", "StatefulSet", "statefulsets"),
  job: resource("batch", "v1", "Job", "jobs"),
  configMap: resource("", "v1", "ConfigMap", "configmaps"),
  secret: resource("", "v1", "Secret", "secrets"),
  controllerRevision: resource("apps", "v1", "ControllerRevision", "controllerrevisions"),
  podDisruptionBudget: resource("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
  networkPolicy: resource("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"),
  endpointSlice: resource("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices"),
  roleBinding: resource("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings"),
  horizontalPodAutoscaler: resource(
    "autoscaling",
    "v2",
    "HorizontalPodAutoscaler",
    "horizontalpodautoscalers",
  ),
  /** Of KEDA, which not every cluster has. */
  scaledObject: resource("keda.sh", "v1alpha1", "ScaledObject", "scaledobjects"),
  lease: resource("coordination.k8s.io", "v1", "Lease", "leases"),
  event: resource("events.k8s.io", "v1", "Event", "events"),
} as const satisfies Record<string, ResourceType>;

/** The resource type of an object. Throws on a kind that is not in {@link RESOURCE}. */
export function resourceOf(object: { readonly apiVersion: string; readonly kind: string }): ResourceType {
  for (const candidate of Object.values(RESOURCE)) {
    if (candidate.kind === object.kind && apiVersionOf(candidate) === object.apiVersion) return candidate;
  }
  throw new Error(`no resource type is known for ${object.apiVersion} ${object.kind}`);
}
