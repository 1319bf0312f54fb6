import { expect, test } from "@jest/globals";
import { devicesOf, heldByPod, heldByPoolPod } from "./devices.ts";

const limits = { cpu: 1, "nvidia.com/gpu": 2, "vendor.example/nic": "1", "vendor.example/none": 0 };
const claims = [{ name: "gpu", resourceClaimTemplateName: "one-gpu" }];

test("devices are extended resources, and only those of which some are asked for", () => {
  expect(devicesOf({ name: "pool", resources: { limits } })).toEqual([
    "nvidia.com/gpu",
    "vendor.example/nic",
  ]);
});

test("a pod of a pool and a pod that stands hold the same by the same names", () => {
  const held = { "nvidia.com/gpu": 2, "vendor.example/nic": 1, resourceClaims: 1 };
  expect(heldByPoolPod({ name: "pool", resources: { limits }, resourceClaims: claims })).toEqual(held);
  const containers = [{ name: "serve", resources: { limits } }, { name: "other" }];
  expect(heldByPod({ containers, resourceClaims: claims })).toEqual(held);
});

test("what the containers of a pod ask for is added up, and each claim counts", () => {
  const containers = ["1", "1k"].map((amount) => ({
    resources: { limits: { "vendor.example/nic": amount } },
  }));
  expect(heldByPod({ containers, resourceClaims: [{ name: "a" }, { name: "b" }] })).toEqual({
    "vendor.example/nic": 1_001,
    resourceClaims: 2,
  });
});

test.each([[{}], [undefined], [{ containers: [{ resources: { limits: { cpu: "1" } } }] }]])(
  "a pod without devices holds none: %j",
  (spec) => {
    expect(heldByPod(spec)).toEqual({});
  },
);
