/**
 * The processes of a cluster: started detached, and found again by what they are, never by a noted pid.
 *
 * Every process that the harness starts carries the cluster's id in its environment, and so do its children;
 * containers, which get an environment of their own, sit in the cluster's cgroups and network namespaces.
 * So a process is found after a kill of the harness at any moment, and no reused pid is ever signalled.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { lastLines, plainEnvironment } from "./command.ts";
import { networkNamespaceFolder } from "./kernel.ts";
import { tagOf } from "./layout.ts";

const idVariable = "PETREL_CLUSTER";
const roleVariable = "PETREL_PROCESS";
const pollMilliseconds = 50;

/** A process that belongs to a cluster. */
export interface ClusterProcess {
  readonly pid: number;
  /** What the harness started it (or its parent) as; undefined for a container's process. */
  readonly role: string | undefined;
  /** The kernel's name of the program: its first 15 characters. */
  readonly program: string;
}

/** The environment that marks a process as the cluster's. */
export function markedEnvironment(id: string, role: string): Record<string, string> {
  return { [idVariable]: id, [roleVariable]: role };
}

/** Every living process of the cluster. */
export function processesOf(id: string): ClusterProcess[] {
  const namespaces = namespaceNumbers(tagOf(id));
  const found: ClusterProcess[] = [];
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const folder = join("/proc", entry);
      const environment = readFileSync(join(folder, "environ"), "utf8").split("\0");
      const isOurs =
        environment.includes(`${idVariable}=${id}`) ||
        cgroupsAreIn(readFileSync(join(folder, "cgroup"), "utf8"), tagOf(id)) ||
        namespaces.has(readlinkSync(join(folder, "ns/net")));
      const program = readFileSync(join(folder, "comm"), "utf8").trimEnd();
      if (!isOurs || isZombie(readFileSync(join(folder, "stat"), "utf8"))) continue;
      const role = environment.find((line) => line.startsWith(`${roleVariable}=`));
      found.push({ pid: Number(entry), role: role?.slice(roleVariable.length + 1), program });
    } catch {
      // It ended while it was looked at, or is another user's: no process of a cluster is.
    }
  }
  return found;
}

/** Pids of all that runs in one container of the cluster. */
export function pidsOfContainer(id: string, container: string): number[] {
  return processesOf(id)
    .map(({ pid }) => pid)
    .filter((pid) => {
      try {
        return cgroupsAreIn(readFileSync(`/proc/${pid}/cgroup`, "utf8"), container);
      } catch {
        return false; // It has just ended.
      }
    });
}

/** Whether the text of /proc/PID/cgroup names a group of this name or one inside it, in any hierarchy. */
export function cgroupsAreIn(text: string, name: string): boolean {
  return text.split("\n").some((line) => line.split(":").slice(2).join(":").split("/").includes(name));
}

/** Whether the text of /proc/PID/stat is that of a process that has ended and only waits for its parent. */
export function isZombie(stat: string): boolean {
  return stateOf(stat) === "Z";
}

/** The letter of the state in a `stat` file of /proc. */
function stateOf(stat: string): string {
  // The program's name stands in brackets and may itself hold brackets and spaces.
  return stat.charAt(stat.lastIndexOf(")") + 2);
}

function namespaceNumbers(tag: string): Set<string> {
  const numbers = new Set<string>();
  try {
    for (const name of readdirSync(networkNamespaceFolder)) {
      if (name.startsWith(`${tag}-`))
        numbers.add(`net:[${statSync(join(networkNamespaceFolder, name)).ino}]`);
    }
  } catch {
    // No named network namespace was ever made on this machine.
  }
  return numbers;
}

/** SIGKILL to every process of the cluster until none is left. Throws, naming them, when some do not go. */
export async function killAll(id: string, timeoutMilliseconds = 30_000): Promise<void> {
  const deadline = performance.now() + timeoutMilliseconds;
  for (;;) {
    const left = processesOf(id).filter(({ pid }) => pid !== process.pid);
    if (left.length === 0) return;
    if (performance.now() > deadline) {
      throw new Error(
        `processes do not end: ${left.map(({ pid, program }) => `${program} (${pid})`).join(", ")}`,
      );
    }
    for (const { pid } of left) signal(pid, "SIGKILL");
    await sleep(pollMilliseconds);
  }
}

/** Sends a signal; a process that is gone already is none to worry about. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/**
 * SIGSTOP, and waits until each thread has stopped: the kernel stops them one after the other, and on a busy machine a
 * thread that still runs answers a request meanwhile.
 */
export async function stopRunning(pid: number, timeoutMilliseconds = 10_000): Promise<void> {
  const deadline = performance.now() + timeoutMilliseconds;
  signal(pid, "SIGSTOP");
  while (!isStopped(pid)) {
    if (performance.now() > deadline) throw new Error(`process ${pid} does not stop`);
    await sleep(5);
  }
}

function isStopped(pid: number): boolean {
  const threads = join("/proc", String(pid), "task");
  return readdirSync(threads).every((thread) => {
    try {
      return stateOf(readFileSync(join(threads, thread, "stat"), "utf8")) === "T";
    } catch {
      // The thread ended while it was looked at.
      return true;
    }
  });
}

/** A program that runs as long as the cluster does. */
export interface Daemon {
  readonly id: string;
  /** Unique in the cluster, such as `n1/kubelet`. */
  readonly role: string;
  /** What stands before the program, such as nsenter and its arguments; it must replace itself by the program. */
  readonly within?: readonly string[];
  readonly program: string;
  readonly args: readonly string[];
  readonly logFile: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Starts a daemon that outlives this process. Its output is appended to its log. */
export function startDaemon(daemon: Daemon): ChildProcess {
  const log = openSync(daemon.logFile, "a");
  try {
    const [command = daemon.program, ...args] = [...(daemon.within ?? []), daemon.program, ...daemon.args];
    const child = spawn(command, args, {
      detached: true,
      stdio: ["ignore", log, log],
      cwd: "/",
      env: plainEnvironment({ ...daemon.environment, ...markedEnvironment(daemon.id, daemon.role) }),
    });
    // A program that cannot be started never becomes ready, and that is where it is told.
    child.on("error", () => {});
    child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

/** Pids of a daemon: its own process, not its children. */
export function pidsOf(daemon: Pick<Daemon, "id" | "role" | "program">): number[] {
  const program = basename(daemon.program).slice(0, 15);
  return processesOf(daemon.id)
    .filter((found) => found.role === daemon.role && found.program === program)
    .map(({ pid }) => pid);
}

/** Signals a daemon and waits until it is gone; past the grace period it is killed. */
export async function endDaemon(
  daemon: Daemon,
  name: NodeJS.Signals,
  graceMilliseconds = 10_000,
): Promise<void> {
  const deadline = performance.now() + graceMilliseconds;
  let pids = pidsOf(daemon);
  for (const pid of pids) signal(pid, name);
  while (pids.length > 0) {
    await sleep(pollMilliseconds);
    pids = pidsOf(daemon);
    if (performance.now() > deadline) for (const pid of pids) signal(pid, "SIGKILL");
    if (performance.now() > deadline + graceMilliseconds) throw new Error(`${daemon.role} does not end`);
  }
}

/**
 * Waits until `check` holds. Rejects when it has not after the time given, or when `child` has ended, in both
 * cases with the end of the log.
 */
export async function untilReady(
  what: string,
  check: () => Promise<boolean>,
  options: { timeoutMilliseconds: number; child?: ChildProcess; logFile?: string },
): Promise<void> {
  const deadline = performance.now() + options.timeoutMilliseconds;
  const tail = () =>
    options.logFile === undefined ? "" : `\n${options.logFile}:\n${lastLines(options.logFile, 15)}`;
  while (!(await check())) {
    const { child } = options;
    if (child !== undefined && (child.exitCode !== null || child.signalCode !== null)) {
      throw new Error(`${what}: ended with ${child.exitCode ?? child.signalCode}${tail()}`);
    }
    if (performance.now() > deadline) {
      throw new Error(`${what}: not ready after ${options.timeoutMilliseconds} ms${tail()}`);
    }
    await sleep(pollMilliseconds);
  }
}
