/**
 * Reads all that a decision depends on into one observation. Nothing else in the operator reads.
 *
 * It reads caches only, so it costs no request; what it sees may be old, and the fenced status write shows when
 * it was too old.
 */
import { type Credential, credentialText } from "../api/credential.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import type { ModelDeployment } from "../api/model-deployment.ts";
import { COMPONENT, LABEL } from "../api/names.ts";
import { AUTOSCALER_RESOURCES } from "../core/autoscaling/plan-autoscaler.ts";
import type {
  LiveObjects,
  Observation,
  ObservedRouter,
  OperatorSettings,
  PortHolder,
} from "../core/observation.ts";
import type { RouterObservation } from "../core/router/decide-routers.ts";
import { type Caches, drillsStopped, ownerKey, portKey } from "./caches.ts";
import {
  type ChildSummary,
  loadMemoryIn,
  modelRevisionIn,
  modelServersOf,
  podRevisionIn,
} from "./projections/child.ts";
import type { DrillSummary } from "./projections/drill.ts";
import {
  countsAnswers,
  metadataOf,
  type ReadModelDeployment,
  routerCredentials,
  trafficPortOf,
} from "./projections/model-deployment.ts";
import type { PodSummary } from "./projections/pod.ts";

/** An observation, and beside it the live objects that tell what need not be written. */
export interface Gathered<O> {
  readonly observation: O;
  readonly live: LiveObjects;
}

/** `KIND/NAME`, the key of {@link LiveObjects}. */
export function liveKey(object: Pick<KubeObject, "kind" | "metadata">): string {
  return `${object.kind}/${object.metadata.name}`;
}

function observedCollector(caches: Caches, namespace: string): Pick<Observation, "collector"> {
  const [pod] = caches.pods.byIndex("collectorOf", namespace);
  if (pod === undefined) return {};
  const { isReady, trouble } = pod.observed;
  return { collector: { isReady, ...(trouble === undefined ? {} : { trouble: trouble.message }) } };
}

function isControlledBy({ object }: Pick<ChildSummary, "object">, uid: string): boolean {
  return (
    object.metadata.ownerReferences?.some((owner) => owner.controller === true && owner.uid === uid) === true
  );
}

/** Its children of a kind. Whatever a former ModelDeployment of the same name left behind is not ours. */
export function childrenOf(
  caches: Caches,
  deployment: ModelDeployment,
  kind: string,
): readonly ChildSummary[] {
  const { namespace, name, uid } = deployment.metadata;
  const children = caches.children.get(kind)?.byIndex("modelDeployment", ownerKey(namespace, name)) ?? [];
  return children.filter(
    (child) => isControlledBy(child, uid) && child.object.metadata.deletionTimestamp === undefined,
  );
}

function uidsOf(live: LiveObjects): ReadonlyMap<string, string> {
  return new Map([...live].map(([key, { metadata }]) => [key, metadata.uid ?? ""]));
}

/** Each Job with the one of its pods that tells most: a report, or else why the pod that was seen last has none. */
function observedValidations(
  jobs: readonly ChildSummary[],
  pods: readonly PodSummary[],
): Pick<Observation, "validations"> {
  if (jobs.length === 0) return {};
  return {
    validations: jobs.map(({ object, jobEnd }) => {
      const job = object.metadata.name;
      const told = pods.flatMap(({ validation }) => (validation?.job === job ? [validation] : []));
      const telling =
        told.find(({ report }) => report !== undefined) ??
        told.find(({ problem }) => problem !== undefined) ??
        told[0];
      return { job, ...telling, ...(jobEnd === undefined ? {} : { end: jobEnd }) };
    }),
  };
}

/** Autoscalers that are being removed. KEDA holds its own until it has let go of what it scales. */
function leavingAutoscalers(
  caches: Caches,
  { metadata: { namespace, name, uid } }: ModelDeployment,
): Pick<Observation, "leavingAutoscalers"> {
  const leaving = AUTOSCALER_RESOURCES.flatMap(({ kind }) =>
    (caches.children.get(kind)?.byIndex("modelDeployment", ownerKey(namespace, name)) ?? [])
      .filter((child) => isControlledBy(child, uid) && child.object.metadata.deletionTimestamp !== undefined)
      .map(({ object }) => liveKey(object)),
  );
  return leaving.length === 0 ? {} : { leavingAutoscalers: leaving };
}

/** People make them, so they are found by the name that they say. */
function observedExperiments(
  caches: Caches,
  namespace: string,
  name: string,
): Pick<Observation, "experiments"> {
  const experiments = caches.experiments
    .byIndex("modelDeployment", ownerKey(namespace, name))
    .flatMap(({ observed, isLeaving }) => (observed === undefined || isLeaving ? [] : [observed]));
  return experiments.length === 0 ? {} : { experiments };
}

function observedRouters(caches: Caches, namespace: string, name: string): readonly ObservedRouter[] {
  const reports = caches.routerReports.byIndex("modelDeployment", ownerKey(namespace, name));
  return caches.pods
    .byIndex("routersOf", namespace)
    .map(({ name: router, observed, address, isCountingRouter: isCounting }) => {
      const report = reports.find((candidate) => candidate.router === router);
      return {
        name: router,
        // A pod that is not ready still routes while its endpoint says so: Envoy may be well beside a router that is not.
        isLive: !observed.isTerminating && (observed.isReady || report?.takesRequests === true),
        ...(address === undefined ? {} : { address }),
        acknowledgedEpoch: report?.acknowledgedEpoch ?? 0,
        isCounting,
        ...(report?.rejection === undefined ? {} : { rejection: report.rejection }),
        ...(report?.credentialProblem === undefined ? {} : { credentialProblem: report.credentialProblem }),
      };
    });
}

/**
 * Nobody else's port matters to one that has a port to itself: to look at every neighbour for every look at each would
 * be most of the work in a namespace of many.
 */
function portHolders({ modelDeployments }: Caches, { metadata, status }: ModelDeployment) {
  const { namespace } = metadata;
  const port = status.traffic?.port;
  const rivals = port === undefined ? [] : modelDeployments.byIndex("trafficPort", portKey(namespace, port));
  const hasItAlone = port !== undefined && rivals.length <= 1;
  return hasItAlone ? holdersOf(rivals) : holdersOf(modelDeployments.byIndex("namespace", namespace));
}

function holdersOf(reads: readonly ReadModelDeployment[]): readonly PortHolder[] {
  return reads.flatMap((read) => {
    const { name, uid = "", creationTimestamp = "" } = metadataOf(read);
    const port = trafficPortOf(read);
    return port === undefined ? [] : [{ name, uid, creationTimestamp, port }];
  });
}

/** Those that were made first have their turn first. One that another ModelDeployment of the name made is not ours. */
function observedDrills(caches: Caches, { namespace, name, uid }: ModelDeployment["metadata"]) {
  const reason = drillsStopped(caches);
  const known = caches.drills
    .byIndex("modelDeployment", ownerKey(namespace, name))
    .filter(({ ownerUid }) => ownerUid === undefined || ownerUid === uid)
    .toSorted((left, right) => compareText(turnOf(left), turnOf(right)));
  return {
    ...(known.length === 0 ? {} : { drills: known.flatMap(({ observed }) => observed ?? []) }),
    ...(reason === undefined ? {} : { drillsStopped: reason }),
  };
}

function turnOf({ creationTimestamp, observed }: DrillSummary): string {
  return `${creationTimestamp} ${observed?.name}`;
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : Number(left > right);
}

/** Jobs of probers apart from those of validations. */
function isProber({ object }: ChildSummary): boolean {
  return object.metadata.labels?.[LABEL.component] === COMPONENT.prober;
}

/** Pods that no requests come to. */
const JOB_COMPONENTS: ReadonlySet<string> = new Set([COMPONENT.validation, COMPONENT.prober]);

/** What is known beside the caches. */
export type SeenBeside = Pick<
  Observation,
  "gateEvidence" | "anomalies" | "load" | "collectorProblem" | "probes"
>;

/** Gathers what a decision about a ModelDeployment depends on. */
export function gatherModelDeployment(
  caches: Caches,
  deployment: ModelDeployment,
  settings: OperatorSettings,
  nowMilliseconds: number,
  { gateEvidence, anomalies, load, collectorProblem, probes }: SeenBeside = {},
): Gathered<Observation> {
  const { namespace, name, uid } = deployment.metadata;
  const live = new Map<string, KubeObject>();
  for (const kind of caches.children.keys()) {
    for (const { object } of childrenOf(caches, deployment, kind)) live.set(liveKey(object), object);
  }
  const rollouts = caches.rollouts
    .byIndex("modelDeployment", ownerKey(namespace, name))
    .filter((rollout) => isControlledBy(rollout, uid))
    .filter(({ object }) => object.metadata.deletionTimestamp === undefined);
  for (const { object } of rollouts) live.set(liveKey(object), object);
  const revisions = childrenOf(caches, deployment, RESOURCE.controllerRevision.kind);
  const pods = caches.pods
    .byIndex("modelDeployment", ownerKey(namespace, name))
    .filter((pod) => pod.modelDeploymentUid === undefined || pod.modelDeploymentUid === uid);
  const jobs = childrenOf(caches, deployment, RESOURCE.job.kind);
  const probers = jobs.filter(isProber).map(({ object }) => object.metadata.name);
  const observation: Observation = {
    nowMilliseconds,
    deployment,
    revisions: revisions.flatMap((child) => modelRevisionIn(child) ?? []),
    podRevisions: revisions.flatMap((child) => podRevisionIn(child) ?? []),
    rollouts: rollouts.flatMap(({ observed }) => observed ?? []),
    ...observedExperiments(caches, namespace, name),
    modelServers: childrenOf(caches, deployment, RESOURCE.deployment.kind).flatMap(
      (child) => modelServersOf(child) ?? [],
    ),
    standing: uidsOf(live),
    ...leavingAutoscalers(caches, deployment),
    pods: pods.flatMap(({ observed, component }) => (JOB_COMPONENTS.has(component) ? [] : [observed])),
    ...observedValidations(
      jobs.filter((job) => !isProber(job)),
      pods,
    ),
    ...observedDrills(caches, deployment.metadata),
    ...(probes === undefined ? {} : { probes }),
    ...(probers.length === 0 ? {} : { probers }),
    routers: observedRouters(caches, namespace, name),
    ...(gateEvidence === undefined ? {} : { gateEvidence }),
    ...(anomalies === undefined ? {} : { anomalies }),
    ...(load === undefined ? {} : { load }),
    loadMemories: revisions.flatMap((child) => loadMemoryIn(child) ?? []),
    ...observedCollector(caches, namespace),
    ...(collectorProblem === undefined ? {} : { collectorProblem }),
    portHolders: portHolders(caches, deployment),
    settings,
  };
  return { observation, live };
}

/** Each once, in the order of their texts, so that the routers' pods do not change with the order of a cache. */
function credentialsIn(deployments: readonly ReadModelDeployment[]): readonly Credential[] {
  const credentials = deployments.flatMap(routerCredentials);
  const byText = new Map(credentials.map((credential) => [credentialText(credential), credential]));
  return [...byText].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, credential]) => credential);
}

/** Gathers what a decision about the routers of a namespace depends on. */
export function gatherRouters(
  caches: Caches,
  namespace: string,
  settings: OperatorSettings,
): Gathered<RouterObservation> {
  const live = new Map<string, KubeObject>();
  for (const cache of caches.children.values()) {
    for (const { object } of cache.byIndex("routersOf", namespace)) {
      if (object.metadata.deletionTimestamp !== undefined) continue;
      live.set(liveKey(object), object);
    }
  }
  const deployments = caches.modelDeployments.byIndex("namespace", namespace);
  const observation = {
    namespace,
    modelDeploymentCount: deployments.length,
    standing: uidsOf(live),
    credentials: credentialsIn(deployments),
    isCounting: deployments.some(countsAnswers),
    settings,
  };
  return { observation, live };
}
