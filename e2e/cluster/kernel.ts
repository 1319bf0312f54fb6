/**
 * What the kernel holds of a cluster besides processes: mounts, cgroups (both versions), network namespaces
 * and links. Lists them, makes cgroups, and takes them away.
 *
 * Everything goes by the cluster's own names; what does not carry them is never touched.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./command.ts";

/** Where `ip netns` keeps named network namespaces. */
export const networkNamespaceFolder = "/run/netns";

/** One line of /proc/self/mountinfo. */
export interface Mount {
  readonly root: string;
  readonly point: string;
  readonly type: string;
}

/** Reads the text of /proc/PID/mountinfo (proc_pid_mountinfo(5)), in the order in which mounts were made. */
export function parseMounts(text: string): Mount[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [before = "", after = ""] = line.split(" - ");
      const fields = before.split(" ");
      return {
        root: unescapePath(fields[3] ?? ""),
        point: unescapePath(fields[4] ?? ""),
        type: after.split(" ")[0] ?? "",
      };
    });
}

// The kernel writes space, tab, newline and backslash as octal numbers.
function unescapePath(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

function mounts(): Mount[] {
  return parseMounts(readFileSync("/proc/self/mountinfo", "utf8"));
}

/** Mount points at or below a folder, the newest first: the order in which to unmount them. */
export function mountsBelow(folder: string): string[] {
  return mounts()
    .map(({ point }) => point)
    .filter((point) => point === folder || point.startsWith(`${folder}/`))
    .reverse();
}

/** Roots of the cgroup hierarchies that hold processes' resources: one for version 2, one a controller for version 1. */
export function cgroupRoots(): { version: 1 | 2; roots: string[] } {
  if (existsSync("/sys/fs/cgroup/cgroup.controllers")) return { version: 2, roots: ["/sys/fs/cgroup"] };
  const points = mounts().filter(({ type }) => type === "cgroup" || type === "cgroup2");
  return { version: 1, roots: [...new Set(points.map(({ point }) => point))] };
}

const neededControllers = ["cpu", "cpuset", "io", "memory", "pids"];

/** Makes a cgroup and its parent (`petrel-ID/NODE`) in every hierarchy, ready to hold a kubelet's own. */
export function makeCgroup(path: string): void {
  const { version, roots } = cgroupRoots();
  const parts = path.split("/");
  for (const root of roots) {
    let folder = root;
    for (const part of parts) {
      if (version === 2) enableControllers(folder);
      const parent = folder;
      folder = join(folder, part);
      mkdirSync(folder, { recursive: true });
      // Version 1 starts a cpuset without a single processor, and nothing can be put into it.
      if (version === 1 && existsSync(join(folder, "cpuset.cpus"))) {
        for (const file of ["cpuset.cpus", "cpuset.mems"]) {
          writeFileSync(join(folder, file), readFileSync(join(parent, file)));
        }
      }
    }
    if (version === 2) enableControllers(folder);
  }
}

function enableControllers(folder: string): void {
  const available = readFileSync(join(folder, "cgroup.controllers"), "utf8").trim().split(" ");
  const file = join(folder, "cgroup.subtree_control");
  const enabled = new Set(readFileSync(file, "utf8").trim().split(" "));
  for (const controller of neededControllers) {
    if (enabled.has(controller) || !available.includes(controller)) continue;
    try {
      writeFileSync(file, `+${controller}`);
    } catch (error) {
      throw new Error(
        `cannot enable the cgroup controller ${controller} in ${folder}: processes sit in it ` +
          `(in a container, move them to a child group first): ${String(error)}`,
      );
    }
  }
}

/** Cgroups of the cluster in every hierarchy, the deepest first. */
export function cgroupsOf(tag: string): string[] {
  const below = (folder: string): string[] =>
    readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap((entry) => below(join(folder, entry.name)))
      .concat(folder);
  return cgroupRoots()
    .roots.map((root) => join(root, tag))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => below(folder));
}

/** Removes the cluster's cgroups. One that the kernel still empties is left for the next try. */
export function removeCgroups(tag: string): void {
  for (const folder of cgroupsOf(tag)) {
    try {
      rmdirSync(folder);
    } catch {
      // Busy until the kernel has let go of its last process.
    }
  }
}

/** Named network namespaces that start with a prefix. */
export function networkNamespaces(prefix: string): string[] {
  if (!existsSync(networkNamespaceFolder)) return [];
  return readdirSync(networkNamespaceFolder).filter((name) => name.startsWith(prefix));
}

/** Names of this namespace's network links that start with a prefix. */
export function links(prefix: string): string[] {
  return readdirSync("/sys/class/net").filter((name) => name.startsWith(prefix));
}

/** Removes the mounts below a folder, network namespaces by prefix and a link by name, as far as they exist. */
export async function removeKernelObjects(
  folder: string,
  namespacePrefix: string,
  link: string,
): Promise<void> {
  for (const point of mountsBelow(folder)) await run("umount", ["--lazy", point]);
  for (const name of networkNamespaces(namespacePrefix)) await run("ip", ["netns", "delete", name]);
  for (const name of links(link)) if (name === link) await run("ip", ["link", "delete", name]);
}
