/**
 * Before the tier: one cluster with Petrel in it, which all scenarios share (each in a namespace of its own).
 */
import { randomBytes } from "node:crypto";
import { startCluster } from "./cluster/index.ts";
import { installPetrel } from "./installation.ts";
import { SHARED_CLUSTER_VARIABLE } from "./scenario.ts";

/** Called by jest. */
export default async function setup(): Promise<void> {
  const startedAt = performance.now();
  const progress = (line: string) =>
    console.error(`[${((performance.now() - startedAt) / 1000).toFixed(0).padStart(4)} s] ${line}`);
  const name = `e2e-${randomBytes(3).toString("hex")}`;
  const cluster = await startCluster({ name, nodes: 3, gpusPerNode: [2, 2, 0], progress });
  process.env[SHARED_CLUSTER_VARIABLE] = cluster.id === "" ? "" : name;
  try {
    await installPetrel(cluster, progress);
  } catch (error) {
    await cluster.stop({ keepLogs: true });
    throw error;
  }
}
