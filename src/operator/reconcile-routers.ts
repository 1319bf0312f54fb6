/**
 * One reconcile of the routers of one namespace: gather, decide, execute. There is no status: the routers'
 * Deployment tells how it stands.
 */
import type { KubeObject } from "../api/kube-object.ts";
import { COMPONENT, LABEL, MANAGED_BY } from "../api/names.ts";
import { decideRouters as decideAboutRouters } from "../core/router/decide-routers.ts";
import type { ReconcileResult } from "../kube/reconciler.ts";
import { confirmUnneeded } from "./confirm-unneeded.ts";
import { execute, type Ownership } from "./execute.ts";
import { gatherRouters } from "./gather.ts";
import type { ReconcileContext } from "./reconcile-model-deployment.ts";

/** Makes the routers of a namespace right. */
export async function reconcileRouters(
  context: Pick<ReconcileContext, "port" | "caches" | "settings" | "log" | "decideRouters">,
  namespace: string,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  const { port, caches, settings, log, decideRouters = decideAboutRouters } = context;
  const { observation, live } = gatherRouters(caches, namespace, settings);
  const decision = decideRouters(observation);
  const confirm = () => confirmUnneeded(port, namespace, "routers", () => true);
  const [refusal] = await execute(decision, { port, live, isOurs: ownership, confirm, signal, log });
  if (refusal === undefined) return {};
  // No spec leads to these objects, so none can mend them: only trying again finds out that the cluster did.
  throw new Error(`namespace ${namespace}: ${refusal.object}: ${refusal.message}`);
}

function ownership({ metadata }: KubeObject): Ownership {
  const { labels } = metadata;
  if (labels?.[LABEL.managedBy] !== MANAGED_BY || labels[LABEL.component] !== COMPONENT.router)
    return "Foreign";
  return metadata.deletionTimestamp === undefined ? "Ours" : "Leaving";
}
