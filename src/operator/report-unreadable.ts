/**
 * Reports a ModelDeployment that does not fit the schema of this operator. Its children are left as they stand.
 */
import { canonicalJson } from "../api/content-hash.ts";
import { RESOURCE } from "../api/kube-resources.ts";
import { API_GROUP_VERSION } from "../api/names.ts";
import type { Clock } from "../core/clock.ts";
import { unreadableStatus } from "../core/conditions/unreadable-status.ts";
import { TerminalError } from "../core/errors.ts";
import { applyStatus } from "../kube/apply.ts";
import type { KubePort } from "../kube/port.ts";
import type { ReconcileResult } from "../kube/reconciler.ts";
import type { EventSink } from "./event-sink.ts";
import type { UnreadableModelDeployment } from "./projections/model-deployment.ts";

/** What reporting needs. */
export interface UnreadableContext {
  readonly port: KubePort;
  readonly clock: Clock;
  readonly recordEvent: EventSink;
}

/**
 * Stores what is wrong, once. Always ends in a {@link TerminalError}, for only another spec, CRD or operator helps,
 * unless the ModelDeployment is on its way out.
 */
export async function reportUnreadable(
  { port, clock, recordEvent }: UnreadableContext,
  { problem, metadata, status }: UnreadableModelDeployment,
): Promise<ReconcileResult> {
  const { name, namespace = "", uid = "", resourceVersion = "", generation = 0 } = metadata;
  if (metadata.deletionTimestamp !== undefined) return {};
  const wanted = unreadableStatus({ problem, generation, status, nowMilliseconds: clock.now() });
  if (canonicalJson(wanted) !== canonicalJson(status)) {
    const identity = { name, namespace, uid, resourceVersion };
    const { kind } = RESOURCE.modelDeployment;
    await applyStatus(port, { apiVersion: API_GROUP_VERSION, kind, metadata: identity }, wanted);
    recordEvent(
      { metadata: identity },
      { type: "Warning", reason: "Unreadable", action: "StalledTrue", note: problem },
    );
  }
  throw new TerminalError("Unreadable", `ModelDeployment ${namespace}/${name} cannot be read: ${problem}`);
}
