import { describe, expect, test } from "@jest/globals";
import { servingWorld } from "../../test/fixtures/world.ts";
import { FULL_WEIGHT } from "../api/traffic-plan.ts";
import type { ObservedPod, PodTrouble } from "./observation.ts";
import { carriedWeight, mostUrgentTrouble, podsOf, readyReplicas } from "./readiness.ts";

function pod(changes: Partial<ObservedPod> = {}): ObservedPod {
  return { name: "pod", revision: "r", pool: "p", isReady: true, isTerminating: false, ...changes };
}

describe("ready replicas", () => {
  test.each<[string, readonly ObservedPod[], number]>([
    ["none without pods", [], 0],
    ["ready ones", [pod(), pod()], 2],
    ["not those that are not ready", [pod(), pod({ isReady: false })], 1],
    ["not those that terminate, though they still answer", [pod({ isTerminating: true })], 0],
    ["not those of another pool", [pod({ pool: "q" })], 0],
    ["not those of another revision", [pod({ revision: "s" })], 0],
  ])("count %s", (_what, pods, expected) => {
    const observation = { ...servingWorld().observation(), pods };
    expect(readyReplicas(observation, "r", "p")).toBe(expected);
    expect(podsOf(observation, "r", "p").length).toBeGreaterThanOrEqual(expected);
  });
});

describe("what ready replicas carry", () => {
  const POOLS = { replicas: 3, pools: [{ name: "gpu" }, { name: "cpu", replicas: 2 }] };
  const inPools = (gpu: number, cpu: number) => [
    ...Array.from({ length: gpu }, () => pod({ pool: "gpu" })),
    ...Array.from({ length: cpu }, () => pod({ pool: "cpu" })),
  ];

  test.each<[string, readonly ObservedPod[], number]>([
    ["nothing without pods", [], 0],
    ["a part of a pool, rounded up", inPools(1, 0), 3_334],
    ["parts of all pools", inPools(1, 1), 8_334],
    ["all by one pool alone", inPools(0, 2), FULL_WEIGHT],
    ["no more than all", inPools(3, 2), FULL_WEIGHT],
    ["nothing by what is not ready", [pod({ pool: "gpu", isReady: false })], 0],
  ])("%s", (_what, pods, expected) => {
    expect(carriedWeight({ ...servingWorld(POOLS).observation(), pods }, "r")).toBe(expected);
  });

  test("all where no replicas are asked for", () => {
    const observation = { ...servingWorld({ replicas: 0 }).observation(), pods: [] };
    expect(carriedWeight(observation, "r")).toBe(FULL_WEIGHT);
  });
});

describe("the most urgent trouble", () => {
  const trouble = (type: PodTrouble["type"], message = "words") => pod({ trouble: { type, message } });

  test("is none without trouble", () => {
    expect(mostUrgentTrouble([pod()])).toBeUndefined();
  });

  test.each<[PodTrouble["type"], readonly PodTrouble["type"][]]>([
    ["FetchFailed", ["ContainerWaiting", "Unschedulable", "ModelNotLoaded", "FetchFailed"]],
    [
      "ExecutionProviderMissing",
      ["ContainerWaiting", "Unschedulable", "ModelNotLoaded", "ExecutionProviderMissing"],
    ],
    ["ModelNotLoaded", ["ContainerWaiting", "Unschedulable", "ModelNotLoaded"]],
    ["Unschedulable", ["ContainerWaiting", "Unschedulable"]],
    ["ContainerWaiting", ["ContainerWaiting"]],
  ])("is %s among %j", (expected, types) => {
    expect(mostUrgentTrouble(types.map((type) => trouble(type)))?.type).toBe(expected);
  });

  test("has the same words in whatever order the pods come, and counts them", () => {
    const pods = [
      trouble("Unschedulable", "b"),
      trouble("Unschedulable", "a"),
      trouble("ContainerWaiting", "0"),
    ];
    const expected = { type: "Unschedulable", message: "a", podCount: 2 };
    expect(mostUrgentTrouble(pods)).toEqual(expected);
    expect(mostUrgentTrouble(pods.toReversed())).toEqual(expected);
  });
});
