/**
 * What the kubelet asks a router: whether it has started, and whether it takes requests. Liveness is not asked
 * here: restarting this process mends neither the API server nor Envoy.
 */
import type { StatusCheck } from "../process/status-server.ts";
import type { RouterStatus } from "./router.ts";

/** The checks of a router, by path. */
export function statusChecks(status: () => RouterStatus): Readonly<Record<string, StatusCheck>> {
  return {
    "/startupz": () => (status().isStarted ? undefined : "the API has not been seen yet"),
    "/readyz": () => (status().isReady ? undefined : `${status().state}: not ready`),
  };
}
