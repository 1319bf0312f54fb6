/**
 * The made-up GPUs of a node, and the ways in which pods can ask for them: pure.
 *
 * Each way has devices of its own: taking one by a resource leaves as many to claim.
 */
import type { ClusterLayout, NodeLayout } from "./layout.ts";

/** Extended resources of a node with GPUs: whole ones, and slices. */
export const deviceResources: readonly string[] = ["nvidia.com/gpu", "nvidia.com/mig-1g.10gb"];

/** The class of the devices that pods can claim, as NVIDIA's DRA driver installs it. */
export const claimableDeviceClass = {
  apiVersion: "resource.k8s.io/v1",
  kind: "DeviceClass",
  metadata: { name: "gpu.nvidia.com" },
  spec: {
    selectors: [
      {
        cel: {
          expression:
            "device.driver == 'gpu.nvidia.com' && device.attributes['gpu.nvidia.com'].type == 'gpu'",
        },
      },
    ],
  },
};

/** Memory of each claimable device of a node: the first of the first node is a large one. */
export function claimableMemories(layout: ClusterLayout, node: NodeLayout): readonly string[] {
  const isFirst = node.name === layout.nodes[0]?.name;
  return Array.from({ length: node.gpus }, (_, index) => (isFirst && index === 0 ? "80Gi" : "24Gi"));
}
