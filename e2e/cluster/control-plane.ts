/**
 * A control plane without nodes: etcd and a real kube-apiserver on loopback ports, for tests of schemas,
 * field ownership, watches and conflicts. Needs no root.
 *
 * Several may run at once. It ends with the process that started it, in whatever way that ends.
 */
import { randomBytes, randomInt } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { request } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, runOrFail } from "./command.ts";
import type { CommandOptions, ControlPlane, ControlPlaneOptions, RestartableServer } from "./contract.ts";
import { type ControlPlaneKeys, issueControlPlaneKeys, writeKubeconfig } from "./pki.ts";
import {
  type Daemon,
  endDaemon,
  killAll,
  pidsOf,
  signal,
  startDaemon,
  stopRunning,
  untilReady,
} from "./processes.ts";
import { startReaper } from "./reaper.ts";
import { apiserver, type ControlPlaneSettings, controllerManager, etcd } from "./servers.ts";
import { buildTools } from "./toolchain/build.ts";
import { controlPlaneTools } from "./toolchain/recipes.ts";

/** Seconds on an idle machine; one that builds meanwhile takes minutes. */
const readyTimeoutMilliseconds = 300_000;

/** Below are ports that well-known services are at home on. */
const LOWEST_PORT = 10_000;
const MAXIMUM_PORT_ATTEMPTS = 1000;

/** How the folders of control planes start, below the system's temporary folder. */
export const controlPlaneFolderPrefix = "petrel-control-plane-";

/** Starts a control plane and returns when its apiserver is ready. Rejects, leaving nothing, when it does not get ready. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const wanted = ["server", "kube-apiserver", "kubectl"];
  if (options.controllerManager === true) wanted.push("kube-controller-manager");
  const tools = await buildTools(controlPlaneTools, options.progress ?? (() => {}), wanted);

  const id = randomBytes(4).toString("hex");
  const folder = mkdtempSync(join(tmpdir(), controlPlaneFolderPrefix));
  const reaper = startReaper(["down-control-plane", id, folder]);
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= removeControlPlane(id, folder).then(() => reaper.dismiss());
    return stopped;
  };
  try {
    const logs = join(folder, "logs");
    mkdirSync(logs);
    const pki = join(folder, "pki");
    const [[etcdPort, etcdPeer, apiserverPort], keys] = await Promise.all([
      freePorts(),
      issueControlPlaneKeys(pki, [
        "127.0.0.1",
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
      ]),
    ]);
    const settings: ControlPlaneSettings = {
      id,
      folder,
      logs,
      keys,
      tools,
      within: [],
      bindAddress: "127.0.0.1",
      advertiseAddress: "127.0.0.1",
      ports: { etcd: etcdPort, etcdPeer, apiserver: apiserverPort },
      serviceRange: "10.96.0.0/16",
      // Nobody can reach the Service `kubernetes` here, and loopback is no address for its endpoints.
      apiserverFlags: ["--endpoint-reconciler-type=none", ...(options.apiserverFlags ?? [])],
    };
    const server = `https://127.0.0.1:${apiserverPort}`;
    const kubeconfig = join(folder, "kubeconfig");
    writeKubeconfig(kubeconfig, server, keys.authority, keys.admin);

    startDaemon(etcd(settings));
    const restartable = restartableServer(apiserver(settings), () => isApiserverReady(server, keys));
    await restartable.start();
    if (options.controllerManager === true) {
      const own = join(folder, "controller-manager.kubeconfig");
      writeKubeconfig(own, server, keys.authority, keys.controllerManager);
      const manager = controllerManager(settings, own);
      startDaemon({ ...manager, args: [...manager.args, ...(options.controllerManagerFlags ?? [])] });
    }
    return {
      kubeconfig,
      server,
      logs,
      apiserver: restartable,
      kubectl: kubectlOf(tools.program("kubectl"), kubeconfig),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Ends the processes of a control plane and removes its folder. Safe to repeat. */
export async function removeControlPlane(id: string, folder: string): Promise<void> {
  await killAll(id);
  rmSync(folder, { recursive: true, force: true });
}

/** A server process as tests take it away and give it back. */
export function restartableServer(server: Daemon, isReady: () => Promise<boolean>): RestartableServer {
  return {
    stop: () => endDaemon(server, "SIGTERM"),
    kill: () => endDaemon(server, "SIGKILL"),
    async pause() {
      await Promise.all(pidsOf(server).map((pid) => stopRunning(pid)));
    },
    async resume() {
      for (const pid of pidsOf(server)) signal(pid, "SIGCONT");
    },
    async start() {
      const child = pidsOf(server).length === 0 ? startDaemon(server) : undefined;
      await untilReady(server.role, isReady, {
        timeoutMilliseconds: readyTimeoutMilliseconds,
        logFile: server.logFile,
        ...(child === undefined ? {} : { child }),
      });
    },
  };
}

/** Whether `/readyz` answers 200. Any failure to get an answer is a no. */
export function isApiserverReady(
  server: string,
  keys: Pick<ControlPlaneKeys, "authority" | "admin">,
): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = request(
      `${server}/readyz`,
      {
        ca: readFileSync(keys.authority.certificate),
        cert: readFileSync(keys.admin.certificate),
        key: readFileSync(keys.admin.key),
        timeout: 10_000,
        agent: false,
      },
      (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      },
    );
    probe.on("timeout", () => probe.destroy());
    probe.on("error", () => resolve(false));
    probe.end();
  });
}

/** kubectl, bound to a kubeconfig (and a context of it). */
export function kubectlOf(
  program: string,
  kubeconfig: string,
): (args: readonly string[], options?: CommandOptions) => Promise<string> {
  return (args, options = {}) => runOrFail(program, ["--kubeconfig", kubeconfig, ...args], options);
}

/** Whether a program can be run at all. */
export async function isOnPath(program: string): Promise<boolean> {
  return run("sh", ["-c", 'command -v "$0"', program]).then(({ exitCode }) => exitCode === 0);
}

/**
 * Ports for servers that tests take away and give back. None is of the range from which the kernel takes those of
 * clients: while its server is away, a client that tries again could get the very port, and keep the server from it.
 * Each is free when it is looked for; what takes it in between makes the start fail with the server's own words.
 */
async function freePorts(): Promise<[number, number, number]> {
  const range = await readFile("/proc/sys/net/ipv4/ip_local_port_range", "utf8");
  const highest = Number(range.split(/\s+/)[0]) - 1;
  const taken = new Set<number>();
  const next = async (): Promise<number> => {
    for (let attempt = 0; attempt < MAXIMUM_PORT_ATTEMPTS; attempt++) {
      const port = randomInt(LOWEST_PORT, highest);
      if (taken.has(port) || !(await isFree(port))) continue;
      taken.add(port);
      return port;
    }
    throw new Error(`expected a free port from ${LOWEST_PORT} to ${highest}`);
  };
  return [await next(), await next(), await next()];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
