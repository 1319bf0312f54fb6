/**
 * After the tier: nothing of a scenario stays, and the shared cluster goes, without a trace but its logs, which
 * whoever started the tier keeps or removes.
 */
import { writeFileSync } from "node:fs";
import { clusterIsLocal, SHARED_CLUSTER_VARIABLE, scenariosAreGone, sharedCluster } from "./scenario.ts";

/** Called by jest. Fails when a deleted namespace does not go. */
export default async function teardown(): Promise<void> {
  if (process.env[SHARED_CLUSTER_VARIABLE] === undefined) return;
  const cluster = await sharedCluster();
  try {
    await scenariosAreGone(cluster);
  } finally {
    if (clusterIsLocal) {
      const logsFile = process.env["PETREL_TEST_LOGS_FILE"];
      const logs = await cluster.stop({ keepLogs: logsFile !== undefined });
      if (logsFile !== undefined && logs !== undefined) writeFileSync(logsFile, logs);
    }
  }
}
