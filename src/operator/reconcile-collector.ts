/**
 * One reconcile of the collector of one namespace: gather, decide, execute. How it stands is told by the condition
 * `EvidenceReady` of each ModelDeployment that needs it.
 */
import { valueAt } from "../api/json.ts";
import type { KubeObject } from "../api/kube-object.ts";
import { COMPONENT, LABEL, MANAGED_BY } from "../api/names.ts";
import { type DeriveKey, decideCollector } from "../core/collector/decide-collector.ts";
import type { ReconcileResult } from "../kube/reconciler.ts";
import { revisionSecret } from "../token/key-ring.ts";
import { nameTag } from "../token/tags.ts";
import type { CollectorProblems } from "./collector-problems.ts";
import { confirmUnneeded } from "./confirm-unneeded.ts";
import { execute, type Ownership } from "./execute.ts";
import { gatherCollector } from "./gather-collector.ts";
import type { ReconcileContext } from "./reconcile-model-deployment.ts";

/** Makes the collector of a namespace right. */
export async function reconcileCollector(
  context: Pick<ReconcileContext, "port" | "caches" | "settings" | "clock" | "log"> & {
    readonly collectorProblems: CollectorProblems;
  },
  namespace: string,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  const { port, caches, settings, clock, log } = context;
  const { observation, live } = await gatherCollector(caches, port, namespace, settings, clock.now());
  const { wakeAtMilliseconds, problem, ...writes } = decideCollector(observation, derive);
  context.collectorProblems.note(namespace, problem);
  if (problem !== undefined) throw new Error(`namespace ${namespace}: ${problem}`);
  const confirm = () => confirmUnneeded(port, namespace, "collector", countsAnswers);
  const [refusal] = await execute(writes, { port, live, isOurs: ownership, confirm, signal, log });
  // No spec leads to these objects, so none can mend them: only trying again finds out that the cluster did.
  if (refusal !== undefined) throw new Error(`namespace ${namespace}: ${refusal.object}: ${refusal.message}`);
  return wakeAtMilliseconds === undefined ? {} : { wakeAt: wakeAtMilliseconds };
}

function countsAnswers(modelDeployment: KubeObject): boolean {
  return valueAt(modelDeployment, "spec", "quality") !== undefined;
}

const derive: DeriveKey = (root, deployment, revision, keyId) =>
  revisionSecret(Buffer.from(root, "base64"), {
    deployment: nameTag(deployment),
    revision: nameTag(revision),
    keyId,
  }).toString("base64");

function ownership({ metadata }: KubeObject): Ownership {
  const { labels } = metadata;
  if (labels?.[LABEL.managedBy] !== MANAGED_BY || labels[LABEL.component] !== COMPONENT.collector)
    return "Foreign";
  return metadata.deletionTimestamp === undefined ? "Ours" : "Leaving";
}
