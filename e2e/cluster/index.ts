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
export { envoyImage, type ImageArchive, nodeImage, petrelImage } from "./images.ts";
export { clusterNames, readCluster } from "./state.ts";
export { countTraces, removeCluster, tracesOf } from "./teardown.ts";
export { buildTools } from "./toolchain/build.ts";
