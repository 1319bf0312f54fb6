/**
 * The clusters of this machine, by the state files in the cache.
 *
 * A state is written before the first thing of its cluster is made and removed after the last is gone, so a
 * cluster without a state does not exist.
 */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder, lockFile } from "./cache.ts";
import { runOrFail } from "./command.ts";
import {
  type ClusterLayout,
  type ClusterState,
  freeBlock,
  isClusterName,
  layoutOf,
  parseState,
} from "./layout.ts";
import { withLock } from "./lock.ts";

const nameOfStateFile = "state.json";

function clustersFolder(): string {
  return join(cacheFolder(), "clusters");
}

/** The file to lock while a cluster is made or removed. */
export function clusterLock(name: string): string {
  return lockFile(`cluster-${name}`);
}

/** Names of all clusters that have a state. */
export function clusterNames(): string[] {
  if (!existsSync(clustersFolder())) return [];
  return readdirSync(clustersFolder()).filter((name) =>
    existsSync(join(clustersFolder(), name, nameOfStateFile)),
  );
}

/** The layout of a cluster, or undefined when there is none of that name. Throws when its state cannot be read. */
export function readCluster(name: string): ClusterLayout | undefined {
  if (!isClusterName(name))
    throw new Error(`a cluster's name is 1 to 30 of [a-z0-9-], came ${JSON.stringify(name)}`);
  const folder = join(clustersFolder(), name);
  const file = join(folder, nameOfStateFile);
  if (!existsSync(file)) return undefined;
  return layoutOf(parseState(readFileSync(file, "utf8"), file), folder);
}

/**
 * Writes the state of a new cluster, with addresses that nothing on this machine uses.
 * Throws when the name is taken or no addresses are free, naming who has them.
 */
export async function createState(name: string, gpus: readonly number[], now: Date): Promise<ClusterLayout> {
  return withLock(lockFile("addresses"), async () => {
    if (readCluster(name) !== undefined) {
      throw new Error(
        `there is a cluster ${name} already: remove it first (down --name ${name}), or choose another name`,
      );
    }
    const others = clusterNames().map((other) => ({ name: other, range: readCluster(other)?.range ?? "" }));
    const block = freeBlock([...others.map(({ range }) => range), ...(await rangesInUse())]);
    if (block === undefined) {
      const known =
        others.map((other) => `${other.name} has ${other.range}`).join(", ") || "no known cluster";
      throw new Error(`no range of 10.200.0.0/16 to 10.249.0.0/16 is free (${known}; see also \`ip route\`)`);
    }
    const id = randomBytes(4).toString("hex");
    const state: ClusterState = { version: 1, id, name, createdAt: now.toISOString(), block, gpus };
    const folder = join(clustersFolder(), name);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const draft = join(folder, `${nameOfStateFile}.draft`);
    writeFileSync(draft, `${JSON.stringify(state, null, 2)}\n`);
    renameSync(draft, join(folder, nameOfStateFile));
    return layoutOf(state, folder);
  });
}

/** Removes the folder of a cluster, its state last. */
export function removeFolder(layout: ClusterLayout): void {
  if (!existsSync(layout.folder)) return;
  for (const entry of readdirSync(layout.folder)) {
    if (entry !== nameOfStateFile) rmSync(join(layout.folder, entry), { recursive: true, force: true });
  }
  rmSync(layout.folder, { recursive: true, force: true });
}

// Routes and addresses of the host's own namespace; a default route covers everything and counts for nothing.
async function rangesInUse(): Promise<string[]> {
  const routes = await runOrFail("ip", ["-4", "route", "show", "table", "all"]);
  return routes
    .split("\n")
    .flatMap((line) => line.split(" ").slice(0, 2))
    .filter((word) => /^\d+\./.test(word));
}
