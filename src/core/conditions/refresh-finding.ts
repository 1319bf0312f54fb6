/**
 * What the conditions say of pods that an earlier operator made: that they may be replaced, never that they must.
 */
import type { Finding, Plans } from "./plan-conditions.ts";

/** Whether pods run what an earlier operator rendered. No reason to act at once: several versions work together. */
export function refreshFinding({ pods }: Plans): readonly Finding[] {
  const pools = new Set(
    pods.pods.flatMap((planned) => (planned.isRefreshable ? planned.servers.pool.name : [])),
  );
  if (pools.size === 0) return [];
  const message = `pods of pool ${[...pools].join(", ")} are as an earlier operator made them; \`petrel refresh\` replaces them one by one`;
  return [{ type: "RefreshAvailable", status: "True", reason: "OlderTemplate", message }];
}
