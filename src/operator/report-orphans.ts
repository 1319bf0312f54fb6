/**
 * Says of experiments whose ModelDeployment is not there that they wait for it, or that they ended with it.
 *
 * A ModelDeployment decides about its experiments; without one nobody would, and whoever made a slip in a name would wait for
 * ever.
 */
import { jsonEquals } from "../api/json-equals.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { API_GROUP_VERSION } from "../api/names.ts";
import { advanceExperiment } from "../core/experiment/advance-experiment.ts";
import { applyStatus } from "../kube/apply.ts";
import { parseKey } from "../kube/object-key.ts";
import type { ReconcileContext } from "./reconcile-model-deployment.ts";

/** Reports them. `key` is `NAMESPACE/NAME` of the ModelDeployment that is not there. */
export async function reportOrphans(
  { port, caches, clock }: Pick<ReconcileContext, "port" | "caches" | "clock">,
  key: string,
  signal: AbortSignal,
): Promise<void> {
  const { namespace = "", name: modelDeployment } = parseKey(key);
  for (const { observed, isLeaving } of caches.experiments.byIndex("modelDeployment", key)) {
    if (observed === undefined || isLeaving) continue;
    const { name, uid, resourceVersion, spec, status, generation } = observed;
    const message = `there is no ModelDeployment ${modelDeployment}`;
    const { status: next } = advanceExperiment({
      spec,
      status,
      generation,
      nowMilliseconds: clock.now(),
      stable: status.stable ?? "",
      metrics: status.metrics ?? [],
      obstacle: { reason: "ModelDeploymentMissing", message },
      interruption: { reason: "ModelDeploymentGone", message },
      arms: status.arms ?? [],
      shortage: message,
      shares: status.shares ?? [],
      isInEffect: false,
      slowestLabelMilliseconds: 0,
    });
    if (jsonEquals(next, status)) continue;
    signal.throwIfAborted();
    const metadata = { name, namespace, uid, resourceVersion };
    const identity = { apiVersion: API_GROUP_VERSION, kind: RESOURCE.modelExperiment.kind, metadata };
    await applyStatus(port, identity, next);
  }
}
