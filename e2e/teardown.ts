/**
 * After the tier: the shared cluster goes, without a trace.
 */
import { openCluster } from "./cluster/index.ts";
import { SHARED_CLUSTER_VARIABLE } from "./scenario.ts";

/** Called by jest. */
export default async function teardown(): Promise<void> {
  const name = process.env[SHARED_CLUSTER_VARIABLE];
  if (name === undefined || name === "") return;
  const cluster = await openCluster(name);
  await cluster.stop();
}
