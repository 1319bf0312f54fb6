/**
 * After the tier: the shared cluster goes, without a trace but its logs, which whoever started the tier keeps or
 * removes.
 */
import { writeFileSync } from "node:fs";
import { openCluster } from "./cluster/index.ts";
import { SHARED_CLUSTER_VARIABLE } from "./scenario.ts";

/** Called by jest. */
export default async function teardown(): Promise<void> {
  const name = process.env[SHARED_CLUSTER_VARIABLE];
  if (name === undefined || name === "") return;
  const cluster = await openCluster(name);
  const logsFile = process.env["PETREL_TEST_LOGS_FILE"];
  const logs = await cluster.stop({ keepLogs: logsFile !== undefined });
  if (logsFile !== undefined && logs !== undefined) writeFileSync(logsFile, logs);
}
