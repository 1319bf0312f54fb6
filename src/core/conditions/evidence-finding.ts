/**
 * `EvidenceReady`: whether all that counts what became of predictions is there, the collector of the namespace and routers
 * that take labels to it. Requests are answered all the same: evidence that is missing makes nothing less ready.
 */
import type { Observation } from "../observation.ts";
import { reportedMessage } from "./condition-words.ts";
import type { Finding } from "./plan-conditions.ts";

/** Nothing without `spec.quality`. */
export function evidenceFinding({
  deployment,
  collector,
  collectorProblem,
  routers,
}: Observation): readonly Finding[] {
  if (deployment.spec.quality === undefined) return [];
  const type = "EvidenceReady";
  if (collectorProblem !== undefined) {
    return [
      { type, status: "False", reason: "CollectorKeysUnusable", message: reportedMessage(collectorProblem) },
    ];
  }
  const live = routers.filter(({ isLive }) => isLive);
  const counting = live.filter(({ isCounting }) => isCounting === true);
  if (collector?.isReady === true && (live.length === 0 || counting.length < live.length)) {
    const message =
      live.length === 0
        ? "no router is live, so none takes labels"
        : `${counting.length} of ${live.length} routers take labels so far; the others are being replaced for it`;
    return [{ type, status: "False", reason: "RoutersNotCounting", message }];
  }
  if (collector?.isReady === true) {
    const message = "predictions are counted, and labels are taken on /feedback";
    return [{ type, status: "True", reason: "Collecting", message }];
  }
  const why =
    collector === undefined ? "it has no pod yet" : (collector.trouble ?? "its pod is not ready yet");
  const message = `the collector petrel-collector of the namespace does not run: ${why}`;
  return [{ type, status: "False", reason: "CollectorNotReady", message: reportedMessage(message) }];
}
