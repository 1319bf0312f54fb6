/**
 * Everything that the operator knows of the cluster: one cache per resource type, each holding only what a
 * decision can need, found by the ModelDeployment or by the namespace that it belongs to.
 */

import { asString, valueAt } from "../api/json.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { COMPONENT, LABEL, MANAGED_BY, SLICE_MANAGER } from "../api/names.ts";
import { truncateUtf8 } from "../core/short-text.ts";
import { Cache, type CacheOptions } from "../kube/cache.ts";
import { type ChildSummary, projectChild } from "./projections/child.ts";
import { type DrillSummary, projectDrill } from "./projections/drill.ts";
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
> & {
  /** Namespace of the ConfigMap that stops the drills of the cluster; nothing stops them unless given. */
  readonly drillSwitch?: string;
};

/** Name of the ConfigMap that stops all drills. */
export const DRILL_SWITCH_NAME = "petrel-drills";
/** Its field: with any text but `false` no drill goes on, and none begins. */
const DRILL_SWITCH_FIELD = "stopped";
const LONGEST_SWITCH_BYTES = 256;

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

/** What the ConfigMap that stops drills says. */
interface DrillSwitch {
  /** Why, in the words of who wrote it; absent where it stops nothing. */
  readonly stopped?: string;
}

/** All caches. */
export interface Caches {
  readonly modelDeployments: Cache<ReadModelDeployment, "namespace" | "trafficPort" | "unreadable">;
  readonly pods: Cache<PodSummary, "modelDeployment" | "routersOf" | "collectorOf" | "prober">;
  readonly routerReports: Cache<RouterReport, "modelDeployment">;
  readonly rollouts: Cache<RolloutSummary, "modelDeployment">;
  readonly experiments: Cache<ExperimentSummary, "modelDeployment">;
  /** Those whose ModelDeployment is named; by it. */
  readonly drills: Cache<DrillSummary, "modelDeployment">;
  /** Why no drill of the cluster may run, by the ConfigMap that says so; absent where nobody could say it. */
  readonly drillSwitch?: Cache<DrillSwitch>;
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

/** Key of the pods of a prober in indexes: `NAMESPACE/UID` of its Job. */
export function proberKey(namespace: string, job: string): string {
  return `${namespace}/${job}`;
}

function ownerKeys(object: KubeObject): readonly string[] {
  const name = object.metadata.labels?.[LABEL.modelDeployment];
  return name === undefined ? [] : [ownerKey(object.metadata.namespace ?? "", name)];
}

/** By the ModelDeployment that its spec names. */
function namedKeys({
  namespace,
  modelDeployment,
}: {
  readonly namespace: string;
  readonly modelDeployment?: string;
}): readonly string[] {
  return modelDeployment === undefined ? [] : [ownerKey(namespace, modelDeployment)];
}

function namespacesOf(object: KubeObject, component: string): readonly string[] {
  const isOne = object.metadata.labels?.[LABEL.component] === component;
  return isOne ? [object.metadata.namespace ?? ""] : [];
}

const ours = { labelSelector: `${LABEL.managedBy}=${MANAGED_BY}` };

/** Makes the caches; each is empty until it runs. With `usesKeda` objects of KEDA are among the children. */
export function createCaches({ drillSwitch, ...access }: CacheAccess, usesKeda = false): Caches {
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
        prober: ({ namespace, proberJob }) =>
          proberJob === undefined ? [] : [proberKey(namespace, proberJob)],
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
      indexes: { modelDeployment: (named) => namedKeys(named) },
    }),
    // Likewise.
    drills: new Cache({
      ...access,
      resource: RESOURCE.failoverDrill,
      project: projectDrill,
      indexes: { modelDeployment: (named) => namedKeys(named) },
    }),
    ...(drillSwitch === undefined ? {} : { drillSwitch: drillSwitchCache(access, drillSwitch) }),
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

/** What is said there stops drills, and so does what is not understood. */
function switchIn(object: KubeObject): DrillSwitch {
  const stopped = valueAt(object, "data", DRILL_SWITCH_FIELD);
  if (stopped === undefined || stopped === "false" || stopped === "") return {};
  return { stopped: truncateUtf8(asString(stopped) ?? "the switch cannot be read", LONGEST_SWITCH_BYTES) };
}

function drillSwitchCache(access: Omit<CacheAccess, "drillSwitch">, namespace: string) {
  return new Cache({
    ...access,
    namespaces: [namespace],
    resource: RESOURCE.configMap,
    scope: { fieldSelector: `metadata.name=${DRILL_SWITCH_NAME}` },
    project: switchIn,
  });
}

/** Why no drill may run; undefined where they may. */
export function drillsStopped({ drillSwitch }: Pick<Caches, "drillSwitch">): string | undefined {
  return drillSwitch?.list()[0]?.stopped;
}

/** Every cache by the kind of its objects, for what is done to all alike. */
export function allCaches(
  caches: Caches,
): ReadonlyMap<string, Pick<Cache<unknown>, "run" | "synced" | "size">> {
  const { drillSwitch } = caches;
  return new Map<string, Pick<Cache<unknown>, "run" | "synced" | "size">>([
    [RESOURCE.modelDeployment.kind, caches.modelDeployments],
    [RESOURCE.pod.kind, caches.pods],
    [RESOURCE.endpointSlice.kind, caches.routerReports],
    [RESOURCE.modelRollout.kind, caches.rollouts],
    [RESOURCE.modelExperiment.kind, caches.experiments],
    [RESOURCE.failoverDrill.kind, caches.drills],
    ...(drillSwitch === undefined ? [] : ([[RESOURCE.configMap.kind, drillSwitch]] as const)),
    ...caches.children,
  ]);
}

/** Kinds that a cluster may not know. */
export const OPTIONAL_KINDS: ReadonlySet<string> = new Set(OPTIONAL_RESOURCES.map(({ kind }) => kind));
