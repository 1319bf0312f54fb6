/**
 * Everything that the operator knows of the cluster: one cache per resource type, each holding only what a
 * decision can need, found by the ModelDeployment or by the namespace that it belongs to.
 */
import type { KubeObject } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { COMPONENT, LABEL, MANAGED_BY } from "../api/names.ts";
import { Cache, type CacheOptions } from "../kube/cache.ts";
import { type ChildSummary, projectChild } from "./projections/child.ts";
import { type ReadModelDeployment, readModelDeployment } from "./projections/model-deployment.ts";
import { type PodSummary, projectPod } from "./projections/pod.ts";
import { projectRouterReport, type RouterReport } from "./projections/router-report.ts";

/** How a cache reaches the API. */
export type CacheAccess = Pick<CacheOptions<unknown, never>, "port" | "clock" | "random" | "log">;

/** Kinds of objects that the operator makes, and therefore watches. */
export const CHILD_RESOURCES = [
  RESOURCE.deployment,
  RESOURCE.service,
  RESOURCE.serviceAccount,
  RESOURCE.podDisruptionBudget,
  RESOURCE.controllerRevision,
  RESOURCE.roleBinding,
] as const;

/** A cache of objects that the operator makes. */
export type ChildCache = Cache<ChildSummary, "modelDeployment" | "routersOf">;

/** All caches. */
export interface Caches {
  readonly modelDeployments: Cache<ReadModelDeployment, "namespace">;
  readonly pods: Cache<PodSummary, "modelDeployment" | "routersOf">;
  readonly routerReports: Cache<RouterReport, "modelDeployment">;
  /** By `kind`. */
  readonly children: ReadonlyMap<string, ChildCache>;
}

/** Key of a ModelDeployment in indexes: `NAMESPACE/NAME`. */
export function ownerKey(namespace: string, modelDeployment: string): string {
  return `${namespace}/${modelDeployment}`;
}

function ownerKeys(object: KubeObject): readonly string[] {
  const name = object.metadata.labels?.[LABEL.modelDeployment];
  return name === undefined ? [] : [ownerKey(object.metadata.namespace ?? "", name)];
}

function routerNamespaces(object: KubeObject): readonly string[] {
  const isRouter = object.metadata.labels?.[LABEL.component] === COMPONENT.router;
  return isRouter ? [object.metadata.namespace ?? ""] : [];
}

const ours = { labelSelector: `${LABEL.managedBy}=${MANAGED_BY}` };

/** Makes the caches; each is empty until it runs. */
export function createCaches(access: CacheAccess): Caches {
  return {
    modelDeployments: new Cache({
      ...access,
      resource: RESOURCE.modelDeployment,
      project: readModelDeployment,
      indexes: { namespace: ({ namespace }) => [namespace] },
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
      },
    }),
    routerReports: new Cache({
      ...access,
      resource: RESOURCE.endpointSlice,
      scope: { labelSelector: `${LABEL.managedBy}=${MANAGED_BY},${LABEL.modelDeployment}` },
      project: projectRouterReport,
      indexes: {
        modelDeployment: ({ namespace, modelDeployment }) => [ownerKey(namespace, modelDeployment)],
      },
    }),
    children: new Map(
      CHILD_RESOURCES.map((resource): [string, ChildCache] => [
        resource.kind,
        new Cache({
          ...access,
          resource,
          scope: ours,
          project: projectChild,
          indexes: {
            modelDeployment: ({ object }) => ownerKeys(object),
            routersOf: ({ object }) => routerNamespaces(object),
          },
        }),
      ]),
    ),
  };
}

/** Every cache, for what is done to all alike. */
export function allCaches(caches: Caches): readonly Pick<Cache<unknown>, "run" | "synced">[] {
  return [caches.modelDeployments, caches.pods, caches.routerReports, ...caches.children.values()];
}
