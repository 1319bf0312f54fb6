/**
 * The rights that the chart is to give, and what is asked about beside them.
 */
import { questionsAbout, type Rights } from "./authorization-questions.ts";

/** All that the operator may do without naming an object, in any namespace: `RESOURCE[.GROUP][/SUBRESOURCE]` -> verbs. */
export const operatorRights: Rights = {
  "modeldeployments.petrel.dev": "get list watch",
  "modeldeployments.petrel.dev/status": "patch",
  "modeldeployments.petrel.dev/finalizers": "update",
  "modelexperiments.petrel.dev": "get list watch",
  "modelexperiments.petrel.dev/status": "patch",
  "modelrollouts.petrel.dev": "get list watch create patch delete",
  "modelrollouts.petrel.dev/status": "patch",
  "failoverdrills.petrel.dev": "get list watch",
  "failoverdrills.petrel.dev/status": "patch",
  "deployments.apps": "get list watch create patch delete",
  "deployments.apps/scale": "get patch",
  "statefulsets.apps": "get list watch create patch delete",
  "jobs.batch": "get list watch create patch delete",
  "controllerrevisions.apps": "get list watch create patch delete",
  "horizontalpodautoscalers.autoscaling": "get list watch create patch delete",
  services: "get list watch create patch delete",
  serviceaccounts: "get list watch create patch delete",
  "poddisruptionbudgets.policy": "get list watch create patch delete",
  "networkpolicies.networking.k8s.io": "get list watch create patch delete",
  "rolebindings.rbac.authorization.k8s.io": "get list watch",
  pods: "get list watch",
  "endpointslices.discovery.k8s.io": "get list watch",
  "events.events.k8s.io": "create patch",
};

/** All that a router may do in its namespace. */
export const routerRights: Rights = {
  "modeldeployments.petrel.dev": "get list watch",
  pods: "get list watch",
  "endpointslices.discovery.k8s.io": "get list watch create patch delete",
};

/** Asked about as well. No table allows anything on them. */
const otherResources = [
  "modeldeployments.petrel.dev/scale",
  "secrets",
  "configmaps",
  "namespaces",
  "nodes",
  "events",
  "endpoints",
  "users",
  "pods/exec",
  "pods/log",
  "pods/eviction",
  "services/proxy",
  "serviceaccounts/token",
  "deployments.apps/status",
  "replicasets.apps",
  "leases.coordination.k8s.io",
  "horizontalpodautoscalers.autoscaling/status",
  "scaledobjects.keda.sh",
  "roles.rbac.authorization.k8s.io",
  "clusterroles.rbac.authorization.k8s.io",
  "clusterrolebindings.rbac.authorization.k8s.io",
  "customresourcedefinitions.apiextensions.k8s.io",
];

/** Every verb on all of them. */
export const everyQuestion = questionsAbout([...Object.keys(operatorRights), ...otherResources]);
