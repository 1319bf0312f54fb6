/**
 * One reconcile of one ModelDeployment: gather, decide, report, execute.
 *
 * The status is stored before anything follows from it, and that of its releases and drills before the one of the
 * ModelDeployment, whose traffic follows from them. What execution learns (a refusal) is decided on again
 * and reported, so that people see it; nothing is kept in memory between two reconciles.
 */

import { isScaledByPetrel } from "../api/autoscaling.ts";
import { jsonEquals } from "../api/json-equals.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import type { ModelDeployment } from "../api/model-deployment.ts";
import { API_GROUP_VERSION } from "../api/names.ts";
import type { Clock } from "../core/clock.ts";
import { decide as decideModelDeployment } from "../core/decide.ts";
import type { Decision } from "../core/decision.ts";
import type { Logger } from "../core/log.ts";
import type { Observation, OperatorSettings } from "../core/observation.ts";
import type { RouterDecision, RouterObservation } from "../core/router/decide-routers.ts";
import { applyStatus } from "../kube/apply.ts";
import type { KubePort } from "../kube/port.ts";
import type { ReconcileResult } from "../kube/reconciler.ts";
import type { AnomalyReadings } from "./anomaly-readings.ts";
import type { Caches } from "./caches.ts";
import type { CollectorProblems } from "./collector-problems.ts";
import type { EventSink } from "./event-sink.ts";
import { execute, type Ownership } from "./execute.ts";
import type { GateAnswers } from "./gate-answers.ts";
import { gatherModelDeployment, type SeenBeside } from "./gather.ts";
import type { LoadReadings } from "./load-readings.ts";
import { requireDrillSeen } from "./overlooked-drill.ts";
import { requireStableSeen } from "./overlooked-revision.ts";
import type { ProbeReadings } from "./probe-readings.ts";
import { reportOrphanDrills } from "./report-orphan-drills.ts";
import { reportOrphans } from "./report-orphans.ts";
import { reportUnreadable } from "./report-unreadable.ts";

/** What reconciling needs. */
export interface ReconcileContext {
  readonly port: KubePort;
  readonly caches: Caches;
  readonly settings: OperatorSettings;
  readonly clock: Clock;
  /** Of one reconcile, when it is handed to one. */
  readonly log: Logger;
  readonly recordEvent: EventSink;
  /** Asks for the gates of releases; where it is absent they wait. */
  readonly gateAnswers?: GateAnswers;
  /** Asks collectors for alarms; where it is absent nothing is known of any. */
  readonly anomalyReadings?: AnomalyReadings;
  /** Asks routers for the load of what scales; where it is absent nothing is known of any. */
  readonly loadReadings?: LoadReadings;
  /** Asks the probers of drills; where it is absent no drill learns anything. */
  readonly probeReadings?: ProbeReadings;
  /** What keeps collectors from being made right; absent where nobody makes them. */
  readonly collectorProblems?: CollectorProblems;
  /** What decides; the simulation puts decisions with errors in its place. */
  readonly decide?: (observation: Observation) => Decision;
  /** What decides about routers, likewise. */
  readonly decideRouters?: (observation: RouterObservation) => RouterDecision;
}

/** Makes the world of one ModelDeployment right. `key` is `NAMESPACE/NAME`. */
export async function reconcileModelDeployment(
  context: ReconcileContext,
  key: string,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  const { decide = decideModelDeployment } = context;
  const cached = context.caches.modelDeployments.get(key);
  const deployment = cached?.deployment;
  // What is being deleted needs nothing: the garbage collector takes the children.
  if (deployment === undefined || deployment.metadata.deletionTimestamp !== undefined) {
    context.gateAnswers?.follow(key, []);
    context.anomalyReadings?.follow(key, false);
    context.loadReadings?.follow(key, undefined);
    context.probeReadings?.follow(key, undefined);
    if (deployment === undefined && cached === undefined) {
      await reportOrphans(context, key, signal);
      await reportOrphanDrills(context, key, signal);
    }
    return cached === undefined || cached.deployment !== undefined
      ? {}
      : await reportUnreadable(context, cached);
  }

  const { observation, live } = gatherModelDeployment(
    context.caches,
    deployment,
    context.settings,
    context.clock.now(),
    seenBeside(context, key, deployment.metadata.namespace),
  );
  await requireStableSeen(context.port, deployment, live);
  await requireDrillSeen(context.port, deployment, context.caches);
  signal.throwIfAborted();
  const decision = decide(observation);
  const stored = await report(context, observation, decision, signal);
  for (const event of decision.events) context.recordEvent(deployment, event);

  const { port, log } = context;
  const isOurs = (object: KubeObject) => ownership(object, deployment);
  const confirm = () => confirmStored(port, stored);
  const refusals = await execute(decision, { port, live, isOurs, confirm, signal, log });

  const afterwards = hasNews(observation, stored, refusals) ? decide({ ...stored, refusals }) : decision;
  if (afterwards !== decision) {
    await report(context, stored, afterwards, signal);
    for (const event of afterwards.events) context.recordEvent(stored.deployment, event);
  }

  context.gateAnswers?.follow(key, afterwards.gateQuestions ?? []);
  context.anomalyReadings?.follow(key, deployment.spec.quality?.anomalies !== undefined);
  context.loadReadings?.follow(key, isScaledByPetrel(deployment.spec) ? addressesOf(observation) : undefined);
  context.probeReadings?.follow(key, afterwards.probing);
  const { wakeAtMilliseconds: wakeAt } = afterwards;
  return wakeAt === undefined ? {} : { wakeAt };
}

/** Of the routers that take requests. One without an address cannot be asked, so nothing is known while there is one. */
function addressesOf({ routers }: Observation): readonly string[] {
  return routers.flatMap(({ name, isLive, address }) => (isLive ? [address ?? name] : []));
}

/** What is known beside the caches. */
function seenBeside(
  { gateAnswers, anomalyReadings, loadReadings, probeReadings, collectorProblems }: ReconcileContext,
  key: string,
  namespace: string,
): SeenBeside {
  const gateEvidence = gateAnswers?.evidence(key);
  const anomalies = anomalyReadings?.of(key);
  const load = loadReadings?.of(key);
  const probes = probeReadings?.of(key);
  const collectorProblem = collectorProblems?.of(namespace);
  return {
    ...(gateEvidence === undefined ? {} : { gateEvidence }),
    ...(anomalies === undefined ? {} : { anomalies }),
    ...(load === undefined ? {} : { load }),
    ...(probes === undefined ? {} : { probes }),
    ...(collectorProblem === undefined ? {} : { collectorProblem }),
  };
}

/**
 * Whether a second decision could say anything else than the first: it sees another status, a refusal, or that what
 * was refused before is not any more.
 */
function hasNews(observation: Observation, stored: Observation, refusals: readonly unknown[]): boolean {
  const isStalled = stored.deployment.status.conditions?.some(({ type }) => type === "Stalled") === true;
  return stored !== observation || refusals.length > 0 || isStalled;
}

/**
 * Stores each status that is another one. Resolves with what was decided from, as it stands then.
 *
 * The status of the ModelDeployment is fenced by the ModelDeployment alone, and its traffic follows from the release and the
 * drill as well. So wherever traffic or roles change, these are confirmed right before, though nothing about them is new.
 */
async function report(
  { port }: ReconcileContext,
  observation: Observation,
  { rollouts: reports, experiments: experimentReports, drills: drillReports, status }: Decision,
  signal: AbortSignal,
): Promise<Observation> {
  const { deployment } = observation;
  const isFollowed = FOLLOWING.some((part) => !jsonEquals(status[part], deployment.status[part]));
  const parts = { port, deployment, isFollowed, signal };
  const rollouts = await reportParts(
    { ...parts, kind: RESOURCE.modelRollout.kind },
    observation.rollouts,
    reports.map(({ rollout, ...report }) => ({ ...report, part: rollout })),
  );
  const experiments = await reportParts(
    { ...parts, kind: RESOURCE.modelExperiment.kind },
    observation.experiments,
    experimentReports.map(({ experiment, ...report }) => ({ ...report, part: experiment })),
  );
  // Nothing of a drill is left by the ModelDeployment as it was read: a cache that is behind would say so too early.
  if (
    drillReports.some(
      ({ drill, status: { phase } }) => phase === "Ended" && drill.status.phase === "Removing",
    )
  )
    await applyStatus(port, identityOf(deployment), deployment.status);
  const drills = await reportParts(
    { ...parts, kind: RESOURCE.failoverDrill.kind },
    observation.drills,
    drillReports.map(({ drill, ...report }) => ({ ...report, part: drill })),
  );
  const isChanged =
    rollouts !== observation.rollouts ||
    experiments !== observation.experiments ||
    drills !== observation.drills;
  const known = {
    rollouts: rollouts ?? [],
    ...(experiments === undefined ? {} : { experiments }),
    ...(drills === undefined ? {} : { drills }),
  };
  if (jsonEquals(status, deployment.status)) return isChanged ? { ...observation, ...known } : observation;
  const stored = await applyStatus(port, identityOf(deployment), status);
  const metadata = {
    ...deployment.metadata,
    resourceVersion: stored.metadata.resourceVersion ?? deployment.metadata.resourceVersion,
  };
  return { ...observation, ...known, deployment: { ...deployment, metadata, status } };
}

/** What has a status of its own, from which that of the ModelDeployment follows. */
interface Part {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly status: object;
}

interface PartReport<Reported extends Part> {
  /** As it was read. */
  readonly part: Reported;
  readonly status: Reported["status"];
  readonly isCurrent: boolean;
}

interface PartContext {
  readonly port: KubePort;
  readonly deployment: ModelDeployment;
  readonly kind: string;
  /** What is new of the ModelDeployment follows from the current part. */
  readonly isFollowed: boolean;
  readonly signal: AbortSignal;
}

/** Stores what is new of them. Resolves with all of them as they stand then: the same list where nothing was new. */
async function reportParts<Reported extends Part, Known extends readonly Reported[] | undefined>(
  { port, deployment, kind, isFollowed, signal }: PartContext,
  known: Known,
  reports: readonly PartReport<Reported>[],
): Promise<Known | readonly Reported[]> {
  const changed = new Map<string, Reported>();
  for (const { part, status, isCurrent } of reports) {
    const isNew = !jsonEquals(status, part.status);
    if (!isNew && !(isCurrent && isFollowed)) continue;
    const written = await applyStatus(port, partIdentity(kind, deployment, part), status);
    signal.throwIfAborted();
    const { resourceVersion = part.resourceVersion } = written.metadata;
    if (isNew) changed.set(part.uid, { ...part, resourceVersion, status });
  }
  return known === undefined || changed.size === 0
    ? known
    : known.map((part) => changed.get(part.uid) ?? part);
}

/** Parts of the status that follow from a release, an experiment or a drill. */
const FOLLOWING = ["traffic", "revisions", "rollout"] as const;

/**
 * Rejects with a conflict when the ModelDeployment, or its release, is another one by now. A status that says nothing
 * new is not written, so it fences nothing: a cache that is behind would go unnoticed. To apply the same once more is
 * no write.
 */
async function confirmStored(
  port: KubePort,
  { deployment, rollouts, experiments = [] }: Observation,
): Promise<void> {
  const current = rollouts.find(({ name }) => name === deployment.status.rollout?.name);
  if (current !== undefined && current.status.verdict === undefined)
    await applyStatus(port, partIdentity(RESOURCE.modelRollout.kind, deployment, current), current.status);
  const tried = experiments.find(({ name }) => name === deployment.status.experiment?.name);
  if (tried !== undefined && tried.status.verdict === undefined)
    await applyStatus(port, partIdentity(RESOURCE.modelExperiment.kind, deployment, tried), tried.status);
  await applyStatus(port, identityOf(deployment), deployment.status);
}

function partIdentity(
  kind: string,
  deployment: ModelDeployment,
  { name, uid, resourceVersion }: Part,
): KubeObject {
  const { namespace } = deployment.metadata;
  return { apiVersion: API_GROUP_VERSION, kind, metadata: { name, namespace, uid, resourceVersion } };
}

function identityOf({ metadata }: ModelDeployment): KubeObject {
  const { name, namespace, uid, resourceVersion } = metadata;
  return {
    apiVersion: API_GROUP_VERSION,
    kind: RESOURCE.modelDeployment.kind,
    metadata: { name, namespace, uid, resourceVersion },
  };
}

function ownership(object: KubeObject, deployment: ModelDeployment): Ownership {
  const owner = object.metadata.ownerReferences?.find((reference) => reference.controller === true);
  // What is written to one that is on its way out goes with it.
  if (owner?.uid === deployment.metadata.uid)
    return object.metadata.deletionTimestamp === undefined ? "Ours" : "Leaving";
  const isFormer =
    owner?.apiVersion === API_GROUP_VERSION &&
    owner.kind === RESOURCE.modelDeployment.kind &&
    owner.name === deployment.metadata.name;
  return isFormer ? "Leaving" : "Foreign";
}
