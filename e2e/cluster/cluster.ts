/**
 * A whole cluster on one machine: makes it, and gives the operations on it.
 *
 * A cluster is its state file and what follows from it, so the same operations are there for a cluster that
 * another process made and left up.
 */

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "./cache.ts";
import { plainEnvironment, run } from "./command.ts";
import type {
  Capability,
  Cluster,
  ClusterOptions,
  CommandOptions,
  Place,
  Progress,
  RestartableServer,
} from "./contract.ts";
import { isApiserverReady, kubectlOf, restartableServer } from "./control-plane.ts";
import { claimableDeviceClass, deviceResources } from "./devices.ts";
import { dnsObjects } from "./dns.ts";
import { givenCluster, givenKubeconfig } from "./given.ts";
import { coreDnsImage, type ImageArchive, pauseImage } from "./images.ts";
import { type ClusterLayout, gpusByNode, isClusterName, type NodeLayout } from "./layout.ts";
import { withLock } from "./lock.ts";
import { makeNetwork, setCable, withinNamespace } from "./network.ts";
import { networkPolicyEngine, policiesAreEnforced } from "./network-policy.ts";
import {
  hiddenFolders,
  importImage,
  joinNode,
  kubeletOf,
  kubeProxy,
  type NodeSettings,
  startNode,
} from "./node.ts";
import { type ControlPlaneKeys, issueControlPlaneKeys, keysIn, writeKubeconfig } from "./pki.ts";
import {
  endDaemon,
  markedEnvironment,
  pidsOfContainer,
  signal,
  startDaemon,
  untilReady,
} from "./processes.ts";
import { startReaper } from "./reaper.ts";
import { apiserver, type ControlPlaneSettings, controllerManager, etcd, scheduler } from "./servers.ts";
import { clusterLock, createState, readCluster } from "./state.ts";
import { keepLogs, removeCluster, removeTraces, tracesOf } from "./teardown.ts";
import { buildTools, type Toolchain } from "./toolchain/build.ts";
import { clusterPackages, installPackages } from "./toolchain/packages.ts";
import { clusterTools } from "./toolchain/recipes.ts";

/** A busy machine takes its time; a program that cannot start ends, and is told at once where it is waited for. */
const readyTimeoutMilliseconds = 300_000;
const capabilities: ReadonlySet<Capability> = new Set<Capability>([
  "CutOffNode",
  "EnforceNetworkPolicies",
  "ExecInPlace",
  "KillContainer",
  "KillKubelet",
  "LoadImage",
  "ReachServices",
]);

/**
 * Makes a cluster and returns when all nodes are Ready and DNS answers. When PETREL_E2E_KUBECONFIG is set,
 * that cluster is used instead and nothing is made.
 *
 * Rejects when it does not get ready; all of it is removed then, but for its logs, whose folder the error names.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const progress = options.progress ?? (() => {});
  const kubeconfig = givenKubeconfig();
  if (kubeconfig !== undefined) return givenCluster(kubeconfig);

  const gpus = gpusByNode(options.nodes ?? 3, options.gpusPerNode ?? 0);
  const name = options.name ?? `test-${randomBytes(3).toString("hex")}`;
  if (!isClusterName(name))
    throw new Error(`a cluster's name is 1 to 30 of [a-z0-9-], came ${JSON.stringify(name)}`);
  const { tools, images } = await prepare(progress);

  return withLock(clusterLock(name), async () => {
    const layout = await createState(name, gpus, new Date());
    const reaper = startReaper(["down", "--name", name, "--id", layout.id]);
    try {
      await boot(layout, tools, images, progress);
      if (options.outlives === true) reaper.dismiss();
      return clusterOf(layout, tools, () => reaper.dismiss());
    } catch (error) {
      const logs = keepLogs(layout);
      await removeTraces(layout);
      reaper.dismiss();
      throw new Error(`cluster ${name} did not come up (logs are kept in ${logs}): ${String(error)}`, {
        cause: error,
      });
    }
  });
}

/** The operations on a cluster that was made before, by this process or another, and is up. */
export async function openCluster(name: string): Promise<Cluster> {
  const layout = readCluster(name);
  if (layout === undefined) throw new Error(`there is no cluster ${name} on this machine`);
  const { tools } = await prepare(() => {});
  return clusterOf(layout, tools, () => {});
}

/** Builds and installs all that a cluster needs. */
export async function prepare(progress: Progress): Promise<{ tools: Toolchain; images: ClusterImages }> {
  if (process.platform !== "linux")
    throw new Error("a cluster can be made on Linux only; elsewhere set PETREL_E2E_KUBECONFIG");
  if (process.getuid?.() !== 0)
    throw new Error("a cluster can be made by root only; otherwise set PETREL_E2E_KUBECONFIG");
  const hidden = hiddenFolders.find((folder) => `${cacheFolder()}/`.startsWith(`${folder}/`));
  if (hidden !== undefined) {
    throw new Error(
      `PETREL_CACHE is ${cacheFolder()}: nodes have a ${hidden} of their own, choose a folder outside it`,
    );
  }
  await installPackages(clusterPackages, progress);
  const tools = await buildTools(clusterTools, progress);
  return { tools, images: { pause: await pauseImage(progress), dns: await coreDnsImage(progress) } };
}

interface ClusterImages {
  readonly pause: ImageArchive;
  readonly dns: ImageArchive;
}

async function boot(
  layout: ClusterLayout,
  tools: Toolchain,
  images: ClusterImages,
  progress: Progress,
): Promise<void> {
  const startedAt = performance.now();
  const tell = (what: string) =>
    progress(`${layout.name}: ${what} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`);
  mkdirSync(join(layout.logs, "control-plane"), { recursive: true });
  const hosts = [
    layout.controlPlaneAddress,
    layout.kubernetesServiceAddress,
    "127.0.0.1",
    "localhost",
    ...serviceNames,
  ];
  const [keys] = await Promise.all([issueControlPlaneKeys(layout.pki, hosts), makeNetwork(layout)]);
  const settings = controlPlaneSettings(layout, tools, keys);
  const server = serverOf(layout);
  writeKubeconfig(layout.kubeconfig, server, keys.authority, keys.admin);
  const kubeconfigOf = (user: "controllerManager" | "scheduler" | "proxy") => {
    const file = join(layout.pki, `${user}.kubeconfig`);
    writeKubeconfig(file, server, keys.authority, keys[user]);
    return file;
  };

  startDaemon(etcd(settings));
  const apiserverStarts = apiserverOf(layout, settings).start();
  const proxyKubeconfig = kubeconfigOf("proxy");
  const nodes: NodeSettings[] = layout.nodes.map((node) => ({
    layout,
    node,
    tools,
    authority: keys.authority,
    proxyKubeconfig,
    pauseImage: images.pause.name,
    pauseArchive: images.pause.archive,
  }));
  const nodesStart = Promise.all(nodes.map(startNode));
  await Promise.all([apiserverStarts, nodesStart]);
  tell("the apiserver is ready");

  startDaemon(controllerManager(settings, kubeconfigOf("controllerManager")));
  startDaemon(scheduler(settings, kubeconfigOf("scheduler")));
  const center = {
    name: "control-plane",
    nodeName: layout.nodes[0]?.name ?? "control-plane",
    networkNamespace: layout.controlPlaneNamespace,
    address: layout.controlPlaneAddress,
  };
  startDaemon(kubeProxy({ layout, tools, proxyKubeconfig }, center));
  for (const node of nodes) joinNode(node);
  startDaemon(networkPolicyEngine(layout));
  await Promise.all(nodes.map((node) => importImage(node, images.dns.archive)));

  const kubectl = kubectlOf(tools.program("kubectl"), layout.kubeconfig);
  const options = { timeoutMilliseconds: readyTimeoutMilliseconds };
  for (const object of [dnsObjects(images.dns.name, layout.dnsAddress), claimableDeviceClass]) {
    // Validation would fetch all schemas first, which an apiserver that has just started is slow to give.
    const apply = () => kubectl(["apply", "--validate=false", "-f", "-"], { input: JSON.stringify(object) });
    await untilReady("objects of the cluster", () => apply().then(Boolean, () => false), options);
  }
  const nodesAreReady = () =>
    readyNodes(kubectl).then((seen) => layout.nodes.flatMap(readyMarks).every((mark) => seen.has(mark)));
  // A request may fail on a machine under load; nodes that never come are told by the deadline.
  await untilReady("nodes", () => nodesAreReady().catch(() => false), options);
  await untilReady("network policies", () => policiesAreEnforced(layout), options);
  tell(`${layout.nodes.length} nodes are Ready`);
  await kubectl(["-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=300s"], {
    timeoutMilliseconds: readyTimeoutMilliseconds,
  });
  tell("DNS is ready");
}

const serviceNames = [
  "kubernetes",
  "kubernetes.default",
  "kubernetes.default.svc",
  "kubernetes.default.svc.cluster.local",
];

function serverOf(layout: ClusterLayout): string {
  return `https://${layout.controlPlaneAddress}:6443`;
}

function controlPlaneSettings(
  layout: ClusterLayout,
  tools: Toolchain,
  keys: ControlPlaneKeys,
): ControlPlaneSettings {
  return {
    id: layout.id,
    folder: layout.folder,
    logs: join(layout.logs, "control-plane"),
    keys,
    tools,
    within: withinNamespace(layout.controlPlaneNamespace),
    bindAddress: "0.0.0.0",
    advertiseAddress: layout.controlPlaneAddress,
    ports: { etcd: 2379, etcdPeer: 2380, apiserver: 6443 },
    serviceRange: layout.serviceRange,
    apiserverFlags: [],
  };
}

function apiserverOf(layout: ClusterLayout, settings: ControlPlaneSettings): RestartableServer {
  return restartableServer(apiserver(settings), () => isApiserverReady(serverOf(layout), settings.keys));
}

// A node counts once it is Ready and offers its devices, so that no test meets a node that is half there.
function readyMarks({ name, gpus }: NodeLayout): string[] {
  const count = gpus === 0 ? "" : String(gpus);
  const devices = deviceResources.map(() => count).join("=");
  return [`${name}=True=${devices}`, ...(gpus === 0 ? [] : [`${name}=${gpus} claimable`])];
}

async function readyNodes(kubectl: Cluster["kubectl"]): Promise<Set<string>> {
  const list = async (what: string, fields: readonly string[]) => {
    const line = `${fields.join("=")}{"\\n"}`;
    return (await kubectl(["get", what, "-o", `jsonpath={range .items[*]}${line}{end}`])).split("\n");
  };
  const ready = '{.status.conditions[?(@.type=="Ready")].status}';
  const devices = deviceResources.map(
    (resource) => `{.status.allocatable.${resource.replaceAll(".", "\\.")}}`,
  );
  const nodes = await list("nodes", ["{.metadata.name}", ready, ...devices]);
  const slices = await list("resourceslices", ["{.spec.nodeName}", "{.spec.devices[*].name}"]);
  const claimable = slices.map((slice) => {
    const [name, names = ""] = slice.split("=");
    return `${name}=${names.split(" ").length} claimable`;
  });
  return new Set([...nodes, ...claimable]);
}

function clusterOf(layout: ClusterLayout, tools: Toolchain, removed: () => void): Cluster {
  const nodeOf = (name: string): NodeLayout => {
    const node = layout.nodes.find((candidate) => candidate.name === name);
    if (node !== undefined) return node;
    throw new Error(
      `cluster ${layout.name} has no node ${name}; there is ${layout.nodes.map((known) => known.name).join(", ")}`,
    );
  };
  const within = (place: Place) =>
    withinNamespace(
      place === "control-plane" ? layout.controlPlaneNamespace : nodeOf(place).networkNamespace,
    );
  const marks = (place: Place) => markedEnvironment(layout.id, `${place}/exec`);
  const kubelet = (name: string) => kubeletOf({ layout, tools, node: nodeOf(name) });
  let stopping: Promise<string | undefined> | undefined;
  return {
    name: layout.name,
    id: layout.id,
    kubeconfig: layout.kubeconfig,
    nodes: layout.nodes.map(({ name }) => name),
    capabilities,
    logs: layout.logs,
    apiserver: apiserverOf(layout, controlPlaneSettings(layout, tools, keysIn(layout.pki))),
    kubectl: kubectlOf(tools.program("kubectl"), layout.kubeconfig),
    exec(place, command, options: CommandOptions = {}) {
      const [enter = "", ...args] = [...within(place), ...command];
      return run(enter, args, { ...options, environment: { ...options.environment, ...marks(place) } });
    },
    spawn(place, command) {
      const [enter = "", ...args] = [...within(place), ...command];
      return spawn(enter, args, { env: plainEnvironment(marks(place)), stdio: ["ignore", "pipe", "pipe"] });
    },
    cutOff: (name) => setCable(layout, nodeOf(name), "down"),
    reconnect: (name) => setCable(layout, nodeOf(name), "up"),
    async killContainer(id) {
      const pids = pidsOfContainer(layout.id, id);
      if (pids.length === 0) throw new Error(`cluster ${layout.name}: nothing runs in a container ${id}`);
      for (const pid of pids) signal(pid, "SIGKILL");
    },
    killKubelet: (name) => endDaemon(kubelet(name), "SIGKILL"),
    startKubelet: async (name) => void startDaemon(kubelet(name)),
    async loadImage(archive) {
      await Promise.all(layout.nodes.map((node) => importImage({ layout, node, tools }, archive)));
    },
    traces: async () => tracesOf(layout.id, layout.folder),
    stop({ keepLogs: keep } = {}) {
      stopping ??= (async () => {
        const kept = keep === true ? keepLogs(layout) : undefined;
        await removeCluster(layout.name, layout.id);
        removed();
        return kept;
      })();
      return stopping;
    },
  };
}
