/**
 * A cluster that was given (PETREL_E2E_KUBECONFIG) behind the same operations.
 *
 * What only the maker of a cluster can do is missing from its capabilities, and asking for it is an error.
 */
import type { Capability, Cluster } from "./contract.ts";
import { isOnPath, kubectlOf } from "./control-plane.ts";

/** `$PETREL_E2E_KUBECONFIG`, or undefined when it is not set. */
export function givenKubeconfig(): string | undefined {
  const path = process.env["PETREL_E2E_KUBECONFIG"];
  return path === undefined || path === "" ? undefined : path;
}

/** The operations on a cluster by its kubeconfig. Needs a kubectl on the PATH. */
export async function givenCluster(kubeconfig: string): Promise<Cluster> {
  if (!(await isOnPath("kubectl")))
    throw new Error("a given cluster (PETREL_E2E_KUBECONFIG) needs kubectl on the PATH");
  const kubectl = kubectlOf("kubectl", kubeconfig);
  const nodes = (await kubectl(["get", "nodes", "-o", "name"])).split("\n").filter((line) => line !== "");
  const cannot = (capability: Capability) =>
    new Error(`a given cluster has not the capability ${capability}`);
  const refuse = (capability: Capability) => () => Promise.reject(cannot(capability));
  return {
    name: "given",
    id: "",
    kubeconfig,
    nodes: nodes.map((name) => name.replace(/^node\//, "")),
    capabilities: new Set(),
    logs: undefined,
    apiserver: undefined,
    kubectl,
    exec: refuse("ExecInPlace"),
    spawn() {
      throw cannot("ExecInPlace");
    },
    cutOff: refuse("CutOffNode"),
    reconnect: refuse("CutOffNode"),
    killContainer: refuse("KillContainer"),
    killKubelet: refuse("KillKubelet"),
    startKubelet: refuse("KillKubelet"),
    loadImage: refuse("LoadImage"),
    traces: async () => ({
      processes: [],
      networkNamespaces: [],
      links: [],
      cgroups: [],
      mounts: [],
      folders: [],
    }),
    stop: async () => undefined,
  };
}
