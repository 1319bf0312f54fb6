import { describe, expect, test } from "@jest/globals";
import { asksForGpu, executionProviderOf } from "./execution-provider.ts";
import type { PoolSpec } from "./pool.ts";

const runtime = { name: "onnxruntime", intraOpThreads: 1 } as const;
const limits = (list: Readonly<Record<string, string | number>>): PoolSpec => ({
  name: "pool",
  resources: { limits: list },
});
const claims: PoolSpec = {
  name: "pool",
  resourceClaims: [{ name: "gpu", resourceClaimTemplateName: "one-gpu" }],
};

describe("a pool computes", () => {
  test.each<["CPU" | "CUDA", string, PoolSpec]>([
    ["CPU", "nothing is asked for", { name: "pool" }],
    ["CPU", "CPU and memory are asked for", limits({ cpu: 4, memory: "8Gi" })],
    ["CPU", "another device is asked for", limits({ "vendor.example/nic": 1 })],
    ["CPU", "a device of NVIDIA is asked for that is no GPU", limits({ "nvidia.com/hostdev": 1 })],
    ["CPU", "no GPU is asked for, in words", limits({ "nvidia.com/gpu": "0" })],
    ["CUDA", "a GPU is asked for", limits({ "nvidia.com/gpu": 1 })],
    ["CUDA", "a shared GPU is asked for", limits({ "nvidia.com/gpu.shared": "1" })],
    ["CUDA", "a slice of a GPU is asked for", limits({ "nvidia.com/mig-1g.10gb": 1 })],
    ["CUDA", "a resource claim is made", claims],
  ])("with %s when %s", (provider, _when, pool) => {
    expect(executionProviderOf(runtime, pool)).toBe(provider);
    expect(asksForGpu(pool)).toBe(provider === "CUDA");
  });

  test.each(["CPU", "CUDA"] as const)("with %s when that is stated, whatever it asks for", (stated) => {
    for (const pool of [{ name: "pool" }, limits({ "nvidia.com/gpu": 1 }), claims]) {
      expect(executionProviderOf({ ...runtime, executionProvider: stated }, pool)).toBe(stated);
    }
  });
});
