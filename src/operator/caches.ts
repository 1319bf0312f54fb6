/**
 * Everything that the operator knows of the cluster: one cache per resource type, each holding only what a
 * decision can need, found by the ModelDeployment or by the namespace that it belongs to.
 */
import type { KubeObject } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { COMPONENT, LABEL, MANAGED_BY, SLICE_MANAGER } from "../api/names.ts";
import { Cache, type CacheOptions } from "../kube/cache.ts";
import { type ChildSummary, projectChild } from "./projections/child.ts";
import { type ExperimentSummary, projectExperiment } from "./projections/experiment.ts";
import {
  metadataOf,
  type ReadModelDeployment,
  readModelDeployment,
  trafficPortOf,
} from "./projections/model-deployment.ts";
import { type PodSummary, projectPod } from "./projections/pod.ts";
import { projectRollout, type RolloutSummary } from "./projections/rollout.ts";
import { projectRouterReport, type RouterReport } from "./projections/router-report.ts";

/** How a cache reaches the API. */
export type CacheAccess = Pick<
  CacheOptions<unknown, never>,
  "port" | "clock" | "random" | "log" | "namespaces"
>;

/** Kinds of objects that the operator makes, and therefore watches. */
export const CHILD_RESOURCES = [
  RESOURCE.deployment,
  RESOURCE.service,
  RESOURCE.serviceAccount,
  RESOURCE.podDisruptionBudget,
  RESOURCE.networkPolicy,
  RESOURCE.controllerRevision,
  RESOURCE.statefulSet,
  RESOURCE.roleBinding,
  RESOURCE.job,
  RESOURCE.horizontalPodAutoscaler,
] as const;

/**
 * Those that it makes only where the installation says so, of kinds that a cluster may not know: nobody waits for long until
 * they were seen. What is decided without is made right once they are.
 */
const OPTIONAL_RESOURCES = [RESOURCE.scaledObject] as const;

/** A cache of objects that the operator makes. */
export type ChildCache = Cache<ChildSummary, "modelDeployment" | "routersOf" | "collectorOf">;

/** All caches. */
export interface Caches {
  readonly modelDeployments: Cache<ReadModelDeployment, "namespace" | "trafficPort" | "unreadable">;
  readonly pods: Cache<PodSummary, "modelDeployment" | "routersOf" | "collectorOf">;
  readonly routerReports: Cache<RouterReport, "modelDeployment">;
  readonly rollouts: Cache<RolloutSummary, "modelDeployment">;
  readonly experiments: Cache<ExperimentSummary, "modelDeployment">;
  /** By `kind`. */
  readonly children: ReadonlyMap<string, ChildCache>;
}

/** Key of a ModelDeployment in indexes: `NAMESPACE/NAME`. */
export function ownerKey(namespace: string, modelDeployment: string): string {
  return `${namespace}/${modelDeployment}`;
}

/** Key of a ModelDeployment that was read, or could not be. */
export function keyOfRead(read: ReadModelDeployment): string {
  return ownerKey(read.namespace, metadataOf(read).name);
}

/** Key of a traffic port in indexes: `NAMESPACE/PORT`. */
export function portKey(namespace: string, port: number): string {
  return `${namespace}/${port}`;
}

function ownerKeys(object: KubeObject): readonly string[] {
  const name = object.metadata.labels?.[LABEL.modelDeployment];
  return name === undefined ? [] : [ownerKey(object.metadata.namespace ?? "", name)];
}

function namespacesOf(object: KubeObject, component: string): readonly string[] {
  const isOne = object.metadata.labels?.[LABEL.component] === component;
  return isOne ? [object.metadata.namespace ?? ""] : [];
}

const ours = { labelSelector: `${LABEL.managedBy}=${MANAGED_BY}` };

/** Makes the caches; each is empty until it runs. With `usesKeda` objects of KEDA are among the children. */
export function createCaches(access: CacheAccess, usesKeda = false): Caches {
  return {
    modelDeployments: new Cache({
      ...access,
      resource: RESOURCE.modelDeployment,
      project: readModelDeployment,
      indexes: {
        namespace: ({ namespace }) => [namespace],
        trafficPort: (read) => {
          const port = trafficPortOf(read);
          return port === undefined ? [] : [portKey(read.namespace, port)];
        },
        unreadable: ({ deployment }) => (deployment === undefined ? [""] : []),
      },
    }),
    pods: new Cache({
      ...access,
      resource: RESOURCE.pod,
      scope: { labelSelector: `${LABEL.managedBy}=${MANAGED_BY},${LABEL.component}` },
      project: projectPod,
      indexes: {
        modelDeployment: ({ namespace, modelDeployment }) =>
          modelDeployment === undefined ? [] : [ownerKey(namespace, modelDeployment)],
        routersOf: ({ namespace, component }) => (component === COMPONENT.router ? [namespace] : []),
        collectorOf: ({ namespace, component }) => (component === COMPONENT.collector ? [namespace] : []),
      },
    }),
    routerReports: new Cache({
      ...access,
      resource: RESOURCE.endpointSlice,
      // Kubernetes copies the labels of a Service to the EndpointSlices that it makes itself: those are no reports.
      scope: { labelSelector: `${SLICE_MANAGER.label}=${SLICE_MANAGER.value},${LABEL.modelDeployment}` },
      project: projectRouterReport,
      indexes: {
        modelDeployment: ({ namespace, modelDeployment }) => [ownerKey(namespace, modelDeployment)],
      },
    }),
    rollouts: new Cache({
      ...access,
      resource: RESOURCE.modelRollout,
      scope: ours,
      project: projectRollout,
      indexes: { modelDeployment: ({ object }) => ownerKeys(object) },
    }),
    // People make them, without our labels.
    experiments: new Cache({
      ...access,
      resource: RESOURCE.modelExperiment,
      project: projectExperiment,
      indexes: {
        modelDeployment: ({ namespace, modelDeployment }) =>
          modelDeployment === undefined ? [] : [ownerKey(namespace, modelDeployment)],
      },
    }),
    children: new Map(
      [...CHILD_RESOURCES, ...(usesKeda ? OPTIONAL_RESOURCES : [])].map((resource): [string, ChildCache] => [
        resource.kind,
        new Cache({
          ...access,
          resource,
          scope: ours,
          project: projectChild,
          indexes: {
            modelDeployment: ({ object }) => ownerKeys(object),
            routersOf: ({ object }) => namespacesOf(object, COMPONENT.router),
            collectorOf: ({ object }) => namespacesOf(object, COMPONENT.collector),
          },
        }),
      ]),
    ),
  };
}

/** Every cache by the kind of its objects, for what is done to all alike. */
export function allCaches(
  caches: Caches,
): ReadonlyMap<string, Pick<Cache<unknown>, "run" | "synced" | "size">> {
  return new Map<string, Pick<Cache<unknown>, "run" | "synced" | "size">>([
    [RESOURCE.modelDeployment.kind, caches.modelDeployments],
    [RESOURCE.pod.kind, caches.pods],
    [RESOURCE.endpointSlice.kind, caches.routerReports],
    [RESOURCE.modelRollout.kind, caches.rollouts],
    [RESOURCE.modelExperiment.kind, caches.experiments],
    ...caches.children,
  ]);
}

/** Kinds that a cluster may not know. */
export const OPTIONAL_KINDS: ReadonlySet<string> = new Set(OPTIONAL_RESOURCES.map(({ kind }) => kind));
