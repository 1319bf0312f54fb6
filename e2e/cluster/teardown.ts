/**
 * What a cluster has on this machine, and how all of it is taken away.
 *
 * Works from the state file alone, at any point of a cluster's life, however its maker ended; every step may
 * be repeated. The state goes last, so that what could not be removed can be tried again.
 */
import { cpSync, existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Traces } from "./contract.ts";
import {
  cgroupsOf,
  links,
  mountsBelow,
  networkNamespaces,
  removeCgroups,
  removeKernelObjects,
} from "./kernel.ts";
import { type ClusterLayout, tagOf } from "./layout.ts";
import { withLock } from "./lock.ts";
import { killAll, processesOf } from "./processes.ts";
import { clusterLock, readCluster, removeFolder } from "./state.ts";

const kernelTimeoutMilliseconds = 20_000;
const pollMilliseconds = 100;

/** All that is left of a cluster on this machine. `folder` is where its files are or were. */
export function tracesOf(id: string, folder: string): Traces {
  return {
    processes: processesOf(id).map(({ pid, role, program }) => `${program} (${pid}, ${role ?? "container"})`),
    networkNamespaces: networkNamespaces(`${tagOf(id)}-`),
    links: links(`ptl-${id}`),
    cgroups: cgroupsOf(tagOf(id)),
    mounts: mountsBelow(folder),
    folders: existsSync(folder) ? [folder] : [],
  };
}

/** How many there are of all kinds. */
export function countTraces(traces: Traces): number {
  return Object.values(traces).reduce((sum: number, names: readonly string[]) => sum + names.length, 0);
}

/**
 * Removes a cluster by its name; waits while it is being made. Does nothing when there is none, or when the one
 * of that name has another id than `id`: then it was made after the one that is meant had gone.
 * Throws, naming them, when traces do not go away; they can be tried again.
 */
export function removeCluster(name: string, id?: string): Promise<void> {
  return withLock(clusterLock(name), async () => {
    const layout = readCluster(name);
    if (layout !== undefined && (id === undefined || id === layout.id)) await removeTraces(layout);
  });
}

/** Removes all of a cluster. The caller holds its lock. */
export async function removeTraces(layout: ClusterLayout): Promise<void> {
  const tag = tagOf(layout.id);
  const deadline = performance.now() + kernelTimeoutMilliseconds;
  for (;;) {
    // Again in each round: what was being started when its maker was killed may have come up since.
    await killAll(layout.id);
    await removeKernelObjects(layout.folder, `${tag}-`, layout.hostLink);
    removeCgroups(tag);
    const { folders: _stillThere, ...left } = tracesOf(layout.id, layout.folder);
    const count = Object.values(left).reduce((sum, names) => sum + names.length, 0);
    if (count === 0) break;
    if (performance.now() > deadline) {
      throw new Error(
        `cluster ${layout.name} cannot be removed whole; what is left: ${JSON.stringify(left)}`,
      );
    }
    await sleep(pollMilliseconds);
  }
  removeFolder(layout);
}

/** Copies a cluster's logs to a new folder, which is returned. */
export function keepLogs(layout: ClusterLayout): string {
  const folder = mkdtempSync(join(tmpdir(), `petrel-logs-${layout.name}-`));
  if (existsSync(layout.logs)) cpSync(layout.logs, folder, { recursive: true });
  return folder;
}
