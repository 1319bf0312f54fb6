/**
 * The public face of the test cluster: a real multi-node Kubernetes (or its control plane alone) on one
 * Linux machine, for the end-to-end tests, the apiserver tests and the demo.
 *
 * Everything that other folders may import is exported here. Nothing in here may touch what it did not
 * make: every process, namespace, cgroup and folder of a cluster carries the cluster's own id.
 */

export { openCluster, prepare, startCluster } from "./cluster.ts";
export { run, runOrFail } from "./command.ts";
export type {
  Capability,
  Cluster,
  ClusterOptions,
  CommandOptions,
  CommandResult,
  ControlPlane,
  ControlPlaneOptions,
  Place,
  Progress,
  RestartableServer,
  Traces,
} from "./contract.ts";
export { startControlPlane } from "./control-plane.ts";
export { givenCluster, givenKubeconfig } from "./given.ts";
export { contourImage, envoyImage, type ImageArchive, nodeImage, petrelImage } from "./images.ts";
export { signModel } from "./model-signing.ts";
export { OBJECT_STORE_KEYS, type ObjectStore, startObjectStore } from "./object-store.ts";
export { pythonPackages } from "./python-packages.ts";
export { type Registry, startRegistry } from "./registry.ts";
export { clusterNames, readCluster } from "./state.ts";
export { countTraces, removeCluster, tracesOf } from "./teardown.ts";
export { buildTools } from "./toolchain/build.ts";
export { KUBERNETES_VARIABLE } from "./toolchain/kubernetes-variable.ts";
export { moduleFolder } from "./toolchain/modules.ts";
export { layOutTriton, tritonImage } from "./triton-image.ts";
