/**
 * The configuration files of a node's programs: pure.
 *
 * Kubernetes' defaults are kept wherever a test could see the difference; what departs from them says why.
 */
import type { ClusterLayout, NodeLayout } from "./layout.ts";
import type { KeyPair } from "./pki.ts";
import { cniPluginFolder } from "./toolchain/packages.ts";

/** Where a node's containerd listens, in the node's own mount namespace. */
export const containerdSocket = "/run/containerd/containerd.sock";

/** Where a node's containerd looks for how to reach registries, a folder each. */
export const registryFolder = "/var/lib/registries";

/** How to reach a registry over plain HTTP. */
export function registryConfiguration(host: string): string {
  return `server = "http://${host}"\n\n[host."http://${host}"]\n  capabilities = ["pull", "resolve"]\n`;
}

/** containerd's configuration, version 3. */
export function containerdConfiguration(pauseImage: string): string {
  return `version = 3
root = "/var/lib/containerd"
state = "/run/containerd"

[grpc]
  address = "${containerdSocket}"

[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"

[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "${pauseImage}"

[plugins."io.containerd.cri.v1.images".registry]
  config_path = "${registryFolder}"

[plugins."io.containerd.cri.v1.runtime"]
  # Without the capability SYS_RESOURCE no process may be made less likely to be killed for memory.
  restrict_oom_score_adj = true
  # A profile that containerd loads into the kernel would stay there after the cluster.
  disable_apparmor = true
  netns_mounts_under_state_dir = true

[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["${cniPluginFolder}"]
  conf_dir = "/var/lib/cni/configuration"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
  SystemdCgroup = false
`;
}

/**
 * The CNI configuration. Pods hang on the node by a cable each and not on a bridge, because the answer
 * of a Service's pod to a pod beside it would cross a bridge unseen by kube-proxy's rules.
 */
export function cniConfiguration(node: NodeLayout): object {
  const ipam = {
    type: "host-local",
    dataDir: "/var/lib/cni/networks",
    ranges: [[{ subnet: node.podRange }]],
    routes: [{ dst: "0.0.0.0/0" }],
  };
  return { cniVersion: "1.0.0", name: "petrel", plugins: [{ type: "ptp", ipMasq: false, ipam }] };
}

/** The kubelet's configuration. Certificates for clients, RBAC for what they may do, as in production. */
export function kubeletConfiguration(
  layout: ClusterLayout,
  node: NodeLayout,
  authority: KeyPair,
  serving: KeyPair,
): object {
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: authority.certificate },
    },
    authorization: { mode: "Webhook" },
    tlsCertFile: serving.certificate,
    tlsPrivateKeyFile: serving.key,
    cgroupDriver: "cgroupfs",
    cgroupRoot: `/${node.cgroup}`,
    failCgroupV1: false,
    failSwapOn: false,
    enforceNodeAllocatable: [],
    clusterDomain: "cluster.local",
    clusterDNS: [layout.dnsAddress],
    // The machine's name servers are out of reach of a pod.
    resolvConf: "",
    containerRuntimeEndpoint: `unix://${containerdSocket}`,
    volumePluginDir: "/var/lib/kubelet/volume-plugins",
    // A machine that is short of disk for others' sake must not evict a test's pods.
    evictionHard: {
      "memory.available": "100Mi",
      "nodefs.available": "1%",
      "nodefs.inodesFree": "1%",
      "imagefs.available": "1%",
    },
    imageGCHighThresholdPercent: 100,
  };
}
