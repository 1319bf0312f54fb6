/**
 * One reconcile of one ModelDeployment: gather, decide, report, execute.
 *
 * The status is stored before anything follows from it. What execution learns (a refusal) is decided on again
 * and reported, so that people see it; nothing is kept in memory between two reconciles.
 */

import { canonicalJson } from "../api/content-hash.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import type { ModelDeployment } from "../api/model-deployment.ts";
import type { ModelDeploymentStatus } from "../api/model-deployment-status.ts";
import { API_GROUP_VERSION } from "../api/names.ts";
import type { Clock } from "../core/clock.ts";
import { decide as decideModelDeployment } from "../core/decide.ts";
import type { Decision, EventIntent } from "../core/decision.ts";
import type { Logger } from "../core/log.ts";
import type { Observation, OperatorSettings } from "../core/observation.ts";
import { applyStatus } from "../kube/apply.ts";
import type { KubePort } from "../kube/port.ts";
import type { ReconcileResult } from "../kube/reconciler.ts";
import type { Caches } from "./caches.ts";
import { execute, type Ownership } from "./execute.ts";
import { gatherModelDeployment } from "./gather.ts";

/** Records an Event about a ModelDeployment. Never throws, never waits. */
export type EventSink = (regarding: ModelDeployment, event: EventIntent) => void;

/** What reconciling needs. */
export interface ReconcileContext {
  readonly port: KubePort;
  readonly caches: Caches;
  readonly settings: OperatorSettings;
  readonly clock: Clock;
  readonly log: Logger;
  readonly recordEvent: EventSink;
  /** What decides; the simulation puts decisions with errors in its place. */
  readonly decide?: (observation: Observation) => Decision;
}

/** Makes the world of one ModelDeployment right. `key` is `NAMESPACE/NAME`. */
export async function reconcileModelDeployment(
  context: ReconcileContext,
  key: string,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  const { decide = decideModelDeployment } = context;
  const cached = context.caches.modelDeployments.get(key);
  if (cached === undefined) return {};
  const { deployment } = cached;
  if (deployment === undefined) {
    throw new Error(`ModelDeployment ${key} cannot be read: ${cached.problem}`);
  }
  // What is being deleted needs nothing: the garbage collector takes the children.
  if (deployment.metadata.deletionTimestamp !== undefined) return {};

  const { observation, live } = gatherModelDeployment(
    context.caches,
    deployment,
    context.settings,
    context.clock.now(),
  );
  const decision = decide(observation);
  signal.throwIfAborted();
  const stored = await report(context, deployment, decision.status);
  for (const event of decision.events) context.recordEvent(deployment, event);

  const { port } = context;
  const isOurs = (object: KubeObject) => ownership(object, deployment);
  const confirm = () => confirmStored(port, stored);
  const refusals = await execute(decision, { port, live, isOurs, confirm, signal });

  const afterwards = decide({ ...observation, deployment: stored, refusals });
  await report(context, stored, afterwards.status);
  for (const event of afterwards.events) context.recordEvent(deployment, event);

  const { wakeAtMilliseconds: wakeAt } = afterwards;
  return wakeAt === undefined ? {} : { wakeAt };
}

/** Stores the status if it is another one. Resolves with the ModelDeployment as it stands then. */
async function report(
  { port }: ReconcileContext,
  deployment: ModelDeployment,
  status: ModelDeploymentStatus,
): Promise<ModelDeployment> {
  if (canonicalJson(status) === canonicalJson(deployment.status)) return deployment;
  const stored = await applyStatus(port, identityOf(deployment), status);
  const metadata = {
    ...deployment.metadata,
    resourceVersion: stored.metadata.resourceVersion ?? deployment.metadata.resourceVersion,
  };
  return { ...deployment, metadata, status };
}

/**
 * Rejects with a conflict when the ModelDeployment is another one by now. A status that says nothing new is not
 * written, so it fences nothing: a cache that is behind would go unnoticed. To apply the same once more is no write.
 */
async function confirmStored(port: KubePort, stored: ModelDeployment): Promise<void> {
  await applyStatus(port, identityOf(stored), stored.status);
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
  if (owner?.uid === deployment.metadata.uid) return "Ours";
  const isFormer =
    owner?.apiVersion === API_GROUP_VERSION &&
    owner.kind === RESOURCE.modelDeployment.kind &&
    owner.name === deployment.metadata.name;
  return isFormer ? "Leaving" : "Foreign";
}
