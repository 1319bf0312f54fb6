/**
 * The network of a cluster: one namespace for the control plane with a bridge, one namespace a node with a
 * cable to that bridge, and a cable from the host, by which kubectl and tests reach the cluster.
 *
 * The host gets one link and one route and nothing else. No namespace has a way out of the machine.
 */
import { runOrFail } from "./command.ts";
import { networkNamespaceFolder } from "./kernel.ts";
import type { ClusterLayout, NodeLayout } from "./layout.ts";
import { markedEnvironment } from "./processes.ts";

const bridge = "nodes";

/** Puts a program into a network namespace. (`ip netns exec` would hide the cgroups from it.) */
export function withinNamespace(name: string): string[] {
  return ["nsenter", `--net=${networkNamespaceFolder}/${name}`];
}

/** Commands for `ip -batch` in the control plane's namespace; `processId` stands for the host's namespace: pure. */
export function controlPlaneCommands(layout: ClusterLayout, processId: number): string[] {
  return [
    "link set lo up",
    `link add ${bridge} type bridge`,
    `address add ${layout.controlPlaneAddress}/24 dev ${bridge}`,
    `link set ${bridge} up`,
    // A packet to a Service needs some route before kube-proxy's rules see it.
    `route add ${layout.serviceRange} dev ${bridge}`,
    `link add host type veth peer name ${layout.hostLink} netns ${processId}`,
    `link set host master ${bridge} up`,
    ...layout.nodes.flatMap((node) => [
      `link add ${node.name} type veth peer name eth0 netns ${node.networkNamespace}`,
      `link set ${node.name} master ${bridge} up`,
      `route add ${node.podRange} via ${node.address}`,
    ]),
  ];
}

/** Commands for `ip -batch` in a node's namespace: pure. */
export function nodeCommands(layout: ClusterLayout, node: NodeLayout): string[] {
  return [
    "link set lo up",
    `address add ${node.address}/24 dev eth0`,
    "link set eth0 up",
    `route add default via ${layout.controlPlaneAddress}`,
    ...layout.nodes
      .filter((other) => other.name !== node.name)
      .map((other) => `route add ${other.podRange} via ${other.address}`),
  ];
}

/** Commands for `ip -batch` in the host's namespace: pure. */
export function hostCommands(layout: ClusterLayout): string[] {
  return [
    `address add ${layout.hostAddress}/24 dev ${layout.hostLink}`,
    `link set ${layout.hostLink} up`,
    `route add ${layout.range} via ${layout.controlPlaneAddress}`,
  ];
}

/** Makes all namespaces, links and routes. */
export async function makeNetwork(layout: ClusterLayout): Promise<void> {
  const environment = markedEnvironment(layout.id, "network");
  const center = layout.controlPlaneNamespace;
  const batch = (commands: readonly string[], namespace?: string) =>
    runOrFail("ip", [...(namespace === undefined ? [] : ["-n", namespace]), "-batch", "-"], {
      environment,
      input: `${commands.join("\n")}\n`,
    });
  for (const namespace of [center, ...layout.nodes.map((node) => node.networkNamespace)]) {
    await runOrFail("ip", ["netns", "add", namespace], { environment });
    const [command = "", ...within] = withinNamespace(namespace);
    await runOrFail(command, [...within, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"], {
      environment,
    });
  }
  await batch(controlPlaneCommands(layout, process.pid), center);
  await Promise.all([
    batch(hostCommands(layout)),
    ...layout.nodes.map((node) => batch(nodeCommands(layout, node), node.networkNamespace)),
  ]);
}

/** Takes the node's end of its cable up or down at the bridge, so that the node keeps its addresses and routes. */
export async function setCable(layout: ClusterLayout, node: NodeLayout, state: "up" | "down"): Promise<void> {
  await runOrFail("ip", ["-n", layout.controlPlaneNamespace, "link", "set", node.name, state]);
}
