/**
 * One node: containerd, kubelet, kube-proxy and the device plugin, each in the node's network namespace and
 * in a mount namespace of its own, where /run, /var/lib and /var/log are the node's.
 *
 * So every program keeps its usual paths (some are fixed: the kubelet's device-plugin folder), nodes do not
 * meet on them, and all of a node's mounts vanish with its last process. The host sees none of it.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type RunOptions, runOrFail } from "./command.ts";
import { claimableMemories, deviceResources } from "./devices.ts";
import { makeCgroup } from "./kernel.ts";
import type { ClusterLayout, NodeLayout } from "./layout.ts";
import { withinNamespace } from "./network.ts";
import {
  cniConfiguration,
  containerdConfiguration,
  containerdSocket,
  kubeletConfiguration,
  registryConfiguration,
  registryFolder,
} from "./node-configuration.ts";
import { issue, type KeyPair, writeKubeconfig } from "./pki.ts";
import { type Daemon, markedEnvironment, pidsOf, startDaemon, untilReady } from "./processes.ts";
import { REGISTRY_PORT } from "./registry.ts";
import type { Toolchain } from "./toolchain/build.ts";

const startTimeoutMilliseconds = 240_000;
/** The folders of the machine that each node has for itself, and where they are kept in the node's folder. */
const ownFolders = { "/var/lib": "var-lib", "/var/log": "var-log" } as const;

/** The folders that a node hides: nothing that a node must read may lie in them. */
export const hiddenFolders: readonly string[] = ["/run", "/var/run", ...Object.keys(ownFolders)];

/** All that a node's programs need to know. */
export interface NodeSettings {
  readonly layout: ClusterLayout;
  readonly node: NodeLayout;
  readonly tools: Toolchain;
  readonly authority: KeyPair;
  /** Kubeconfig that signs in as system:kube-proxy. */
  readonly proxyKubeconfig: string;
  /** Image of the pods' sandboxes, and its archive. */
  readonly pauseImage: string;
  readonly pauseArchive: string;
}

/**
 * Makes the node's folders, configuration, certificates and cgroup, and starts its containerd. What talks to the
 * apiserver is left for `joinNode`.
 */
export async function startNode(settings: NodeSettings): Promise<void> {
  const { layout, node, authority } = settings;
  for (const kept of Object.values(ownFolders)) {
    mkdirSync(join(node.folder, kept), { recursive: true });
  }
  const cni = join(node.folder, "var-lib/cni/configuration");
  mkdirSync(cni, { recursive: true });
  mkdirSync(join(node.folder, "var-lib/kubelet"));
  const registry = `${layout.controlPlaneAddress}:${REGISTRY_PORT}`;
  const registryHosts = join(node.folder, "var-lib", basename(registryFolder), registry);
  mkdirSync(registryHosts, { recursive: true });
  writeFileSync(join(registryHosts, "hosts.toml"), registryConfiguration(registry));
  mkdirSync(join(layout.logs, node.name), { recursive: true });
  const [serving, client] = await Promise.all([
    issue(
      layout.pki,
      `${node.name}-serving`,
      { commonName: node.name, hosts: [node.address, node.name] },
      authority,
    ),
    issue(
      layout.pki,
      `${node.name}-client`,
      { commonName: `system:node:${node.name}`, organization: "system:nodes" },
      authority,
    ),
  ]);
  writeFileSync(join(cni, "10-petrel.conflist"), JSON.stringify(cniConfiguration(node), null, 2));
  writeFileSync(join(node.folder, "containerd.toml"), containerdConfiguration(settings.pauseImage));
  const kubelet = kubeletConfiguration(layout, node, authority, serving);
  writeFileSync(join(node.folder, "kubelet.json"), JSON.stringify(kubelet, null, 2));
  writeKubeconfig(nodeKubeconfig(node), `https://${layout.controlPlaneAddress}:6443`, authority, client);
  makeCgroup(node.cgroup);

  const holder = mountHolder(layout, node);
  const holding = startDaemon(holder);
  await untilReady(`${node.name}: mount namespace`, async () => holderPid(layout, node) !== undefined, {
    timeoutMilliseconds: startTimeoutMilliseconds,
    logFile: holder.logFile,
    child: holding,
  });
  const containerd = containerdOf(settings);
  const child = startDaemon(containerd);
  await untilReady(`${node.name}: containerd`, () => containerdAnswers(settings), {
    timeoutMilliseconds: startTimeoutMilliseconds,
    logFile: containerd.logFile,
    child,
  });
  await importImage(settings, settings.pauseArchive);
}

/** Starts what needs the apiserver: kubelet, device plugin, kube-proxy. The kubelet registers the node. */
export function joinNode(settings: NodeSettings): void {
  // The plugin waits for the kubelet. When it is there first, the node's first status tells the devices already;
  // otherwise they wait for the next, 10 s later.
  if (settings.node.gpus > 0) {
    for (const resource of deviceResources) startDaemon(devicePluginOf(settings, resource));
    startDaemon(draDriverOf(settings));
  }
  startDaemon(kubeletOf(settings));
  startDaemon(kubeProxy(settings, { ...settings.node, nodeName: settings.node.name }));
}

/** Makes the images of an archive known to the node. */
export async function importImage(
  settings: Pick<NodeSettings, "layout" | "node" | "tools">,
  archive: string,
): Promise<void> {
  await ctr(settings, ["images", "import", archive], { timeoutMilliseconds: 5 * 60_000 });
}

/** The node's kubelet. It registers the node by itself, with its labels. */
export function kubeletOf({ layout, node, tools }: Pick<NodeSettings, "layout" | "node" | "tools">): Daemon {
  const labels = [`topology.kubernetes.io/zone=${node.zone}`, "topology.kubernetes.io/region=local"];
  return nodeDaemon(layout, node, "kubelet", tools.program("kubelet"), [
    `--config=${join(node.folder, "kubelet.json")}`,
    `--kubeconfig=${nodeKubeconfig(node)}`,
    `--hostname-override=${node.name}`,
    `--node-ip=${node.address}`,
    `--node-labels=${labels.join(",")}`,
    "--cert-dir=/var/lib/kubelet/pki",
  ]);
}

function devicePluginOf(
  { layout, node, tools }: Pick<NodeSettings, "layout" | "node" | "tools">,
  resource: string,
): Daemon {
  const kind = resource.slice(resource.indexOf("/") + 1);
  return nodeDaemon(layout, node, `device-plugin-${kind}`, tools.program("device-plugin"), [
    `--resource=${resource}`,
    `--count=${node.gpus}`,
    `--prefix=${kind}-${layout.id}-${node.name}`,
  ]);
}

// Signs in as the node: what a driver may do is then what Kubernetes lets a node do.
function draDriverOf({ layout, node, tools }: Pick<NodeSettings, "layout" | "node" | "tools">): Daemon {
  return nodeDaemon(layout, node, "dra-driver", tools.program("dra-driver"), [
    `--kubeconfig=${nodeKubeconfig(node)}`,
    `--node=${node.name}`,
    `--memories=${claimableMemories(layout, node).join(",")}`,
    `--prefix=GPU-${layout.id}-${node.name}`,
  ]);
}

/**
 * kube-proxy in a node's namespace or, so that Services work from there and from the host, in the control plane's: there
 * it goes by the name of a node, too, because it waits half a minute for its Node. It may not set the limits of
 * conntrack, and has no need to.
 */
export function kubeProxy(
  settings: Pick<NodeSettings, "layout" | "tools" | "proxyKubeconfig">,
  place: { name: string; nodeName: string; networkNamespace: string; address: string },
): Daemon {
  const { layout, tools } = settings;
  return {
    id: layout.id,
    role: `${place.name}/kube-proxy`,
    within: withinNamespace(place.networkNamespace),
    program: tools.program("kube-proxy"),
    args: [
      `--kubeconfig=${settings.proxyKubeconfig}`,
      `--hostname-override=${place.nodeName}`,
      `--bind-address=${place.address}`,
      `--cluster-cidr=${layout.podRange}`,
      "--proxy-mode=nftables",
      "--conntrack-max-per-core=0",
      "--conntrack-min=0",
      "--conntrack-tcp-timeout-established=0",
      "--conntrack-tcp-timeout-close-wait=0",
    ],
    logFile: join(layout.logs, place.name, "kube-proxy.log"),
  };
}

function nodeKubeconfig(node: NodeLayout): string {
  return join(node.folder, "kubeconfig");
}

// Mounts made on the host reach the namespace, so that it does not keep alive what the host has let go of;
// mounts made inside do not reach the host. `sleep` then holds the namespace open for the node's programs.
const holderScript = [
  "set -e",
  "mount --make-rshared /",
  "umount --recursive --lazy /run/netns 2>/dev/null || true",
  "mount -t tmpfs -o mode=755 node /run",
  ...Object.entries(ownFolders).map(([folder, kept]) => `mount --bind "$0/${kept}" ${folder}`),
  "exec sleep infinity",
].join("\n");

function mountHolder(layout: ClusterLayout, node: NodeLayout): Daemon {
  return {
    id: layout.id,
    role: `${node.name}/mounts`,
    within: [
      ...withinNamespace(node.networkNamespace),
      "unshare",
      "--mount",
      "--propagation=slave",
      "sh",
      "-c",
      holderScript,
    ],
    program: node.folder,
    args: [],
    logFile: join(layout.logs, node.name, "mounts.log"),
  };
}

// The script ends as `sleep`, and only then are all mounts made.
function holderPid(layout: ClusterLayout, node: NodeLayout): number | undefined {
  return pidsOf({ id: layout.id, role: `${node.name}/mounts`, program: "sleep" })[0];
}

function withinNode(layout: ClusterLayout, node: NodeLayout): string[] {
  const holder = holderPid(layout, node);
  if (holder === undefined) throw new Error(`${node.name}: its mount namespace is gone`);
  return [...withinNamespace(node.networkNamespace), `--mount=/proc/${holder}/ns/mnt`];
}

function nodeDaemon(
  layout: ClusterLayout,
  node: NodeLayout,
  name: string,
  program: string,
  args: readonly string[],
): Daemon {
  return {
    id: layout.id,
    role: `${node.name}/${name}`,
    within: withinNode(layout, node),
    program,
    args,
    logFile: join(layout.logs, node.name, `${name}.log`),
  };
}

function containerdOf({ layout, node, tools }: NodeSettings): Daemon {
  const program = tools.program("containerd");
  return {
    ...nodeDaemon(layout, node, "containerd", program, [`--config=${join(node.folder, "containerd.toml")}`]),
    // containerd looks for its shim on the PATH.
    environment: {
      PATH: `${join(tools.program("containerd-shim-runc-v2"), "..")}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`,
    },
  };
}

async function containerdAnswers(settings: NodeSettings): Promise<boolean> {
  return ctr(settings, ["version"]).then(
    () => true,
    () => false,
  );
}

function ctr(
  { layout, node, tools }: Pick<NodeSettings, "layout" | "node" | "tools">,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const [command = "", ...within] = withinNode(layout, node);
  const program = [tools.program("ctr"), `--address=${containerdSocket}`, "--namespace=k8s.io"];
  return runOrFail(command, [...within, ...program, ...args], {
    ...options,
    environment: markedEnvironment(layout.id, `${node.name}/ctr`),
  });
}
