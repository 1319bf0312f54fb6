import { describe, expect, test } from "@jest/globals";
import { servingWorld, type World } from "../../../test/fixtures/world.ts";
import { valueAt } from "../../api/json.ts";
import type { PoolSpec } from "../../api/pool.ts";
import { decide } from "../decide.ts";

const cpu: PoolSpec = { name: "p", resources: { limits: { cpu: 1, memory: "1Gi" } } };
const gpu: PoolSpec = { name: "p", resources: { limits: { "nvidia.com/gpu": 1 } } };
const largerGpu: PoolSpec = { name: "p", resources: { limits: { "nvidia.com/gpu": 1, memory: "8Gi" } } };
const twoGpus: PoolSpec = { name: "p", resources: { limits: { "nvidia.com/gpu": 2 } } };
const slice: PoolSpec = { name: "p", resources: { limits: { "nvidia.com/mig-1g.10gb": 1 } } };
const claim: PoolSpec = {
  name: "p",
  resourceClaims: [{ name: "gpu", resourceClaimTemplateName: "one-gpu" }],
};
const twoClaims: PoolSpec = {
  name: "p",
  resourceClaims: [
    { name: "gpu", resourceClaimTemplateName: "one-gpu" },
    { name: "nic", resourceClaimTemplateName: "one-nic" },
  ],
};
const none: PoolSpec = { name: "p", resources: { limits: { "nvidia.com/gpu": 0 } } };

const before = { maxSurge: 1, maxUnavailable: 0 };
const inPlace = { maxSurge: 0, maxUnavailable: 1 };

function strategyIn(world: World): unknown {
  const deployment = decide(world.observation()).apply.find(({ kind }) => kind === "Deployment");
  return valueAt(deployment, "spec", "strategy", "rollingUpdate");
}

describe("pods of an edited pool go", () => {
  test.each<[string, PoolSpec, PoolSpec, number, object]>([
    [
      "after their successors when there are no devices",
      cpu,
      { ...cpu, nodeSelector: { a: "b" } },
      2,
      before,
    ],
    ["after their successors when no device is asked for, in words", none, none, 2, before],
    ["in place when they hold the device that is asked for", gpu, largerGpu, 2, inPlace],
    ["in place when they hold a claim", claim, { ...claim, nodeSelector: { a: "b" } }, 2, inPlace],
    ["after their successors when more devices are asked for than each holds", gpu, twoGpus, 2, before],
    ["after their successors when more claims are asked for than each holds", claim, twoClaims, 2, before],
    ["in place when fewer devices are asked for than each holds", twoGpus, gpu, 2, inPlace],
    ["after their successors when the device is new", cpu, gpu, 2, before],
    ["after their successors when the device is another", gpu, slice, 2, before],
    ["after their successors when a claim takes the place of a device", gpu, claim, 2, before],
    ["after their successors when the device is given up", gpu, cpu, 2, before],
    ["after its successor when it is the only one, with a device too", gpu, largerGpu, 1, before],
  ])("%s", (_how, former, edited, replicas, expected) => {
    const world = servingWorld({ replicas, pools: [former] });
    expect(strategyIn(world.edit({ pools: [edited] }))).toEqual(expected);
  });

  test("after their successors until the last without the device is gone", () => {
    const world = servingWorld({ pools: [cpu] }).edit({ pools: [gpu] });
    world.reconcile();
    const [servers] = world.servers;
    // The template that stands has the device by now. The only pod with one waits for it.
    const [former, ...others] = servers?.pods ?? [];
    if (former === undefined) throw new Error("expected pods");
    servers?.pods.push({ ...former, name: "new", isReady: false, devices: { "nvidia.com/gpu": 1 } });
    expect(strategyIn(world)).toEqual(before);
    for (const pod of [former, ...others]) pod.isTerminating = true;
    expect(strategyIn(world)).toEqual(inPlace);
  });

  test("after its successor while one stands, though the same edit asks for more", () => {
    const world = servingWorld({ replicas: 1, pools: [gpu] });
    expect(strategyIn(world.edit({ replicas: 3, pools: [largerGpu] }))).toEqual(before);
    expect(strategyIn(servingWorld({ replicas: 0, pools: [gpu] }).edit({ replicas: 3 }))).toEqual(inPlace);
  });
});

test("a refresh of the only pod on a device leaves it serving until its successor does", () => {
  const world = servingWorld({ replicas: 1, pools: [gpu] })
    .upgrade("next")
    .refresh("1");
  expect(strategyIn(world)).toEqual(before);
});
