/**
 * Reads all that a decision depends on into one observation. Nothing else in the operator reads.
 *
 * It reads caches only, so it costs no request; what it sees may be old, and the fenced status write shows when
 * it was too old.
 */
import type { KubeObject } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import type { ModelDeployment } from "../api/model-deployment.ts";
import type {
  LiveObjects,
  Observation,
  ObservedRouter,
  OperatorSettings,
  PortHolder,
} from "../core/observation.ts";
import type { RouterObservation } from "../core/router/decide-routers.ts";
import { type Caches, ownerKey } from "./caches.ts";
import { type ChildSummary, modelRevisionIn, modelServersOf } from "./projections/child.ts";

/** An observation, and beside it the live objects that tell what need not be written. */
export interface Gathered<O> {
  readonly observation: O;
  readonly live: LiveObjects;
}

/** `KIND/NAME`, the key of {@link LiveObjects}. */
export function liveKey(object: Pick<KubeObject, "kind" | "metadata">): string {
  return `${object.kind}/${object.metadata.name}`;
}

function isControlledBy({ object }: ChildSummary, uid: string): boolean {
  return (
    object.metadata.ownerReferences?.some((owner) => owner.controller === true && owner.uid === uid) === true
  );
}

/** Whatever a former ModelDeployment of the same name left behind is not ours. */
function childrenOf(caches: Caches, deployment: ModelDeployment, kind: string): readonly ChildSummary[] {
  const { namespace, name, uid } = deployment.metadata;
  const children = caches.children.get(kind)?.byIndex("modelDeployment", ownerKey(namespace, name)) ?? [];
  return children.filter(
    (child) => isControlledBy(child, uid) && child.object.metadata.deletionTimestamp === undefined,
  );
}

function observedRouters(caches: Caches, namespace: string, name: string): readonly ObservedRouter[] {
  const reports = caches.routerReports.byIndex("modelDeployment", ownerKey(namespace, name));
  return caches.pods.byIndex("routersOf", namespace).map(({ name: router, observed }) => {
    const report = reports.find((candidate) => candidate.router === router);
    return {
      name: router,
      // A pod that is not ready still routes while its endpoint says so: Envoy may be well beside a router that is not.
      isLive: !observed.isTerminating && (observed.isReady || report?.takesRequests === true),
      acknowledgedEpoch: report?.acknowledgedEpoch ?? 0,
      ...(report?.rejection === undefined ? {} : { rejection: report.rejection }),
    };
  });
}

function portHolders(caches: Caches, namespace: string): readonly PortHolder[] {
  return caches.modelDeployments.byIndex("namespace", namespace).flatMap(({ deployment }) => {
    const port = deployment?.status.traffic?.port;
    if (deployment === undefined || port === undefined) return [];
    const { name, uid, creationTimestamp } = deployment.metadata;
    return [{ name, uid, creationTimestamp, port }];
  });
}

/** Gathers what a decision about a ModelDeployment depends on. */
export function gatherModelDeployment(
  caches: Caches,
  deployment: ModelDeployment,
  settings: OperatorSettings,
  nowMilliseconds: number,
): Gathered<Observation> {
  const { namespace, name } = deployment.metadata;
  const live = new Map<string, KubeObject>();
  for (const kind of caches.children.keys()) {
    for (const { object } of childrenOf(caches, deployment, kind)) live.set(liveKey(object), object);
  }
  const observation: Observation = {
    nowMilliseconds,
    deployment,
    revisions: childrenOf(caches, deployment, RESOURCE.controllerRevision.kind).flatMap(
      (child) => modelRevisionIn(child) ?? [],
    ),
    modelServers: childrenOf(caches, deployment, RESOURCE.deployment.kind).flatMap(
      (child) => modelServersOf(child) ?? [],
    ),
    pods: caches.pods.byIndex("modelDeployment", ownerKey(namespace, name)).map(({ observed }) => observed),
    routers: observedRouters(caches, namespace, name),
    portHolders: portHolders(caches, namespace),
    settings,
  };
  return { observation, live };
}

/** Gathers what a decision about the routers of a namespace depends on. */
export function gatherRouters(
  caches: Caches,
  namespace: string,
  settings: OperatorSettings,
): Gathered<RouterObservation> {
  const live = new Map<string, KubeObject>();
  const standing = new Map<string, string>();
  for (const cache of caches.children.values()) {
    for (const { object } of cache.byIndex("routersOf", namespace)) {
      if (object.metadata.deletionTimestamp !== undefined) continue;
      live.set(liveKey(object), object);
      standing.set(liveKey(object), object.metadata.uid ?? "");
    }
  }
  const modelDeploymentCount = caches.modelDeployments.byIndex("namespace", namespace).length;
  return { observation: { namespace, modelDeploymentCount, standing, settings }, live };
}
