/**
 * Turns what the caches hold, and every change in them, into keys to look at.
 *
 * This happens here and nowhere else. A key too many costs a look at the caches; a key too few would be a change
 * that nobody sees.
 */
import { credentialText } from "../api/credential.ts";
import { jsonEquals } from "../api/json-equals.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { COMPONENT, LABEL } from "../api/names.ts";
import { AUTOSCALER_RESOURCES } from "../core/autoscaling/plan-autoscaler.ts";
import type { CacheChange } from "../kube/cache.ts";
import { parseKey } from "../kube/object-key.ts";
import { type Caches, keyOfRead, ownerKey, portKey } from "./caches.ts";
import type { ChildSummary } from "./projections/child.ts";
import type { DrillSummary } from "./projections/drill.ts";
import type { ExperimentSummary } from "./projections/experiment.ts";
import {
  countsAnswers,
  metadataOf,
  type ReadModelDeployment,
  routerCredentials,
} from "./projections/model-deployment.ts";
import type { PodSummary } from "./projections/pod.ts";
import type { RolloutSummary } from "./projections/rollout.ts";
import type { RouterReport } from "./projections/router-report.ts";

/** When a key is looked at: at once, or together with what else comes in a moment or in a delivery. */
export type Urgency = "Now" | "Soon" | "AfterDelivery";

/** Asks for a look at a key. */
export type AddKey = (key: string, urgency: Urgency) => void;

/** Who looks. */
export interface Looks {
  /** At a ModelDeployment, by `NAMESPACE/NAME`. */
  readonly addDeployment: AddKey;
  /** At the routers of a namespace. */
  readonly addRouters: AddKey;
  /** At the collector of a namespace. */
  readonly addCollector: AddKey;
}

/** Asks for a look at everything that stands, then at whatever changes until the returned function is called. */
export function followChanges(caches: Caches, looks: Looks): () => void {
  const { modelDeployments, pods, routerReports, rollouts, experiments, drills, drillSwitch, children } =
    caches;
  addStanding(caches, looks);
  const subscriptions = [
    modelDeployments.subscribe((change) => {
      addChangedDeployment(change, looks);
      addPortRivals(change, caches, looks);
    }),
    pods.subscribe((change) => addChangedPod(change, caches, looks)),
    routerReports.subscribe((change) => addChangedReport(change, looks)),
    rollouts.subscribe((change) => addChangedRollout(change, looks)),
    experiments.subscribe((change) => addChangedExperiment(change, looks)),
    drills.subscribe((change) => addChangedDrill(change, looks)),
    ...(drillSwitch === undefined ? [] : [drillSwitch.subscribe(() => addAllDrilled(caches, looks))]),
    ...[...children.values()].map((cache) => cache.subscribe((change) => addChangedChild(change, looks))),
  ];
  return () => {
    for (const unsubscribe of subscriptions) unsubscribe();
  };
}

function addStanding(
  { modelDeployments, experiments, drills, children }: Caches,
  { addDeployment, addRouters, addCollector }: Looks,
): void {
  for (const read of modelDeployments.list()) {
    addRouters(read.namespace, "Now");
    if (countsAnswers(read)) addCollector(read.namespace, "Now");
    addDeployment(keyOfRead(read), "Now");
  }
  // Whose ModelDeployment is not there is told so.
  for (const { namespace, modelDeployment } of [...experiments.list(), ...drills.list()])
    if (modelDeployment !== undefined) addDeployment(ownerKey(namespace, modelDeployment), "Now");
  // Routers and collectors may stand where no ModelDeployment does any more.
  for (const cache of children.values()) {
    for (const { object } of cache.list()) {
      if (isOfRouters(object.metadata.labels)) addRouters(object.metadata.namespace ?? "", "Now");
      if (isOfCollector(object.metadata.labels)) addCollector(object.metadata.namespace ?? "", "Now");
    }
  }
}

function addChangedDeployment(
  { key, before, after }: CacheChange<ReadModelDeployment>,
  { addDeployment, addRouters, addCollector }: Looks,
): void {
  // A change of nothing but the status is what the operator wrote itself.
  const { generation } = after?.deployment?.metadata ?? {};
  const isOurs = generation !== undefined && generation === before?.deployment?.metadata.generation;
  addDeployment(key, isOurs ? "Soon" : "Now");
  const { namespace = "" } = after ?? before ?? {};
  if (countedOf(before) !== countedOf(after)) addCollector(namespace, "Now");
  if (doorOf(before) !== doorOf(after)) addRouters(namespace, "AfterDelivery");
  else if (before === undefined || after === undefined) addRouters(namespace, "Now");
}

/** Two that chose the same port: the younger one has to see the older one. */
function addPortRivals(
  { key, before, after }: CacheChange<ReadModelDeployment>,
  { modelDeployments }: Caches,
  { addDeployment }: Looks,
): void {
  const port = after?.deployment?.status.traffic?.port;
  if (port === undefined || port === before?.deployment?.status.traffic?.port) return;
  const { namespace = "" } = after ?? {};
  for (const { deployment } of modelDeployments.byIndex("trafficPort", portKey(namespace, port))) {
    if (deployment === undefined) continue;
    const other = ownerKey(namespace, deployment.metadata.name);
    if (other !== key) addDeployment(other, "Now");
  }
}

function addChangedPod(
  { before, after }: CacheChange<PodSummary>,
  { modelDeployments }: Caches,
  { addDeployment }: Looks,
): void {
  const pod = after ?? before;
  if (pod === undefined) return;
  const isAlike = isLive(before) === isLive(after);
  if (pod.modelDeployment !== undefined) {
    addDeployment(ownerKey(pod.namespace, pod.modelDeployment), isAlike ? "Soon" : "Now");
  }
  if (pod.component === COMPONENT.collector) addCounted(pod.namespace, modelDeployments, addDeployment);
  if (pod.component !== COMPONENT.router || isAlike) return;
  // Who routes has changed for every ModelDeployment of the namespace.
  for (const { deployment } of modelDeployments.byIndex("namespace", pod.namespace)) {
    if (deployment !== undefined) addDeployment(ownerKey(pod.namespace, deployment.metadata.name), "Now");
  }
}

/** Adds those whose answers are counted: what is said of evidence depends on the collector. */
export function addCounted(
  namespace: string,
  modelDeployments: Caches["modelDeployments"],
  add: AddKey,
): void {
  for (const read of modelDeployments.byIndex("namespace", namespace))
    if (countsAnswers(read)) add(keyOfRead(read), "Soon");
}

function addChangedReport({ before, after }: CacheChange<RouterReport>, { addDeployment }: Looks): void {
  const report = after ?? before;
  if (report !== undefined) addDeployment(ownerKey(report.namespace, report.modelDeployment), "Now");
}

/** What a person decides takes effect at once; a change of nothing but the status is what the operator wrote itself. */
function addChangedRollout(
  { key, before, after }: CacheChange<RolloutSummary>,
  { addDeployment }: Looks,
): void {
  const { metadata } = (after ?? before)?.object ?? {};
  const owner = metadata?.labels?.[LABEL.modelDeployment];
  if (owner === undefined) return;
  const isOurs =
    after !== undefined && after.object.metadata.generation === before?.object.metadata.generation;
  addDeployment(ownerKey(parseKey(key).namespace ?? "", owner), isOurs ? "Soon" : "Now");
}

/** Likewise. */
function addChangedExperiment(
  { before, after }: CacheChange<ExperimentSummary>,
  { addDeployment }: Looks,
): void {
  const { namespace, modelDeployment } = after ?? before ?? {};
  if (namespace === undefined || modelDeployment === undefined) return;
  const isOurs = after !== undefined && after.generation === before?.generation;
  addDeployment(ownerKey(namespace, modelDeployment), isOurs ? "Soon" : "Now");
}

/** What a person decides takes effect at once; a change of nothing but the status is what the operator wrote itself. */
function addChangedDrill({ before, after }: CacheChange<DrillSummary>, { addDeployment }: Looks): void {
  const isOurs =
    after !== undefined &&
    before?.generation === after.generation &&
    before.observed?.isLeaving === after.observed?.isLeaving;
  const names = new Set([before, after].flatMap((drill) => drill?.modelDeployment ?? []));
  const { namespace = "" } = after ?? before ?? {};
  for (const name of names) addDeployment(ownerKey(namespace, name), isOurs ? "Soon" : "Now");
}

/** All drills are stopped, or may begin again. */
function addAllDrilled({ drills }: Caches, { addDeployment }: Looks): void {
  for (const { namespace, modelDeployment } of drills.list())
    if (modelDeployment !== undefined) addDeployment(ownerKey(namespace, modelDeployment), "Now");
}

function addChangedChild(
  { key, before, after }: CacheChange<ChildSummary>,
  { addDeployment, addRouters, addCollector }: Looks,
): void {
  const labels = (after ?? before)?.object.metadata.labels ?? {};
  const namespace = parseKey(key).namespace ?? "";
  const owner = labels[LABEL.modelDeployment];
  if (owner !== undefined && !isOnlyStatus(before, after)) addDeployment(ownerKey(namespace, owner), "Soon");
  if (isOfRouters(labels)) addRouters(namespace, "Soon");
  if (isOfCollector(labels)) addCollector(namespace, "Soon");
  // Each model revision has a key to sign with.
  const isRevision = (after ?? before)?.object.kind === RESOURCE.controllerRevision.kind;
  if (isRevision && (before === undefined || after === undefined)) addCollector(namespace, "Now");
}

/** Autoscalers tell in their status what they measure, many times a minute, and nothing follows from that. */
const AUTOSCALER_KINDS: ReadonlySet<string> = new Set(AUTOSCALER_RESOURCES.map(({ kind }) => kind));

function isOnlyStatus(before: ChildSummary | undefined, after: ChildSummary | undefined): boolean {
  if (before === undefined || after === undefined || !AUTOSCALER_KINDS.has(after.object.kind)) return false;
  const withoutVersion = ({ object: { metadata, ...rest } }: ChildSummary) => {
    const { resourceVersion: _version, ...others } = metadata;
    return { ...rest, metadata: others };
  };
  return jsonEquals(withoutVersion(before), withoutVersion(after));
}

/** What the routers have to mount for a ModelDeployment, as one text. */
function doorOf(read: ReadModelDeployment | undefined): string {
  if (read === undefined) return "";
  const credentials = [...new Set(routerCredentials(read).map(credentialText))].toSorted();
  return [...credentials, ...(countsAnswers(read) ? ["counted"] : [])].join(" ");
}

/** What the collector has to know of a ModelDeployment, as one text. */
function countedOf(read: ReadModelDeployment | undefined): string {
  if (read === undefined || !countsAnswers(read)) return "";
  return JSON.stringify([metadataOf(read).uid, read.deployment?.spec.quality ?? null]);
}

function isOfCollector(labels: Readonly<Record<string, string>> = {}): boolean {
  return labels[LABEL.component] === COMPONENT.collector;
}

function isOfRouters(labels: Readonly<Record<string, string>> = {}): boolean {
  return labels[LABEL.component] === COMPONENT.router;
}

function isLive(pod: PodSummary | undefined): boolean {
  return pod?.observed.isReady === true && !pod.observed.isTerminating;
}
