/**
 * Says of drills whose ModelDeployment is not there that they wait for it, or that they ended with it.
 *
 * A ModelDeployment decides about its drills; without one nobody would. Nothing of a drill is left then: its routes were those
 * of the ModelDeployment, and so was its prober.
 */
import { jsonEquals } from "../api/json-equals.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { API_GROUP_VERSION } from "../api/names.ts";
import { drillStatus, pendingStatus, storedState } from "../core/drill/reported-drill.ts";
import { applyStatus } from "../kube/apply.ts";
import { parseKey } from "../kube/object-key.ts";
import type { ReconcileContext } from "./reconcile-model-deployment.ts";

/** Reports them. `key` is `NAMESPACE/NAME` of the ModelDeployment that is not there. */
export async function reportOrphanDrills(
  { port, caches, clock }: Pick<ReconcileContext, "port" | "caches" | "clock">,
  key: string,
  signal: AbortSignal,
): Promise<void> {
  const { namespace = "", name: modelDeployment } = parseKey(key);
  for (const { observed } of caches.drills.byIndex("modelDeployment", key)) {
    if (observed === undefined || observed.isLeaving) continue;
    const { name, uid, resourceVersion, status: before, generation, spec } = observed;
    const told = { before, generation };
    const message = `there is no ModelDeployment ${modelDeployment}`;
    const state = storedState(before);
    const end = (reason: string, why: string) =>
      drillStatus(told, {
        ...state,
        phase: "Ended",
        sinceMilliseconds: clock.now(),
        verdict: state?.verdict ?? { outcome: "Aborted", reason, message: why },
      });
    const next =
      state?.phase === "Ended"
        ? drillStatus(told, state)
        : state !== undefined
          ? end("ModelDeploymentGone", message)
          : spec.abort === true
            ? end("AbortedByPerson", "a person ended it")
            : pendingStatus(told, { reason: "ModelDeploymentMissing", message });
    if (jsonEquals(next, before)) continue;
    signal.throwIfAborted();
    const metadata = { name, namespace, uid, resourceVersion };
    await applyStatus(
      port,
      { apiVersion: API_GROUP_VERSION, kind: RESOURCE.failoverDrill.kind, metadata },
      next,
    );
  }
}
