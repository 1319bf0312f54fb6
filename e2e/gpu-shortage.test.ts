/**
 * Too few GPUs: the status says so in the scheduler's own words, what runs goes on, and nobody has to act once
 * there is room.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { exampleModel, plainDeployment } from "./example-models.ts";
import { Scenario, sharedCluster } from "./scenario.ts";

let scenario: Scenario;
const NAME = "greedy";
const pools = [{ name: "gpu", resources: { limits: { "nvidia.com/gpu": 1 } } }];
const runtime = { executionProvider: "CPU" };

function deployment(replicas: number, version: "1" | "2"): object {
  return plainDeployment(NAME, { model: exampleModel(version), pools, runtime, replicas });
}

beforeAll(async () => {
  scenario = await Scenario.create(await sharedCluster(), "gpu");
}, 60_000);

afterAll(() => scenario.dispose(), 180_000);

test("more replicas than GPUs: Ready is False and says how many are missing and why", async () => {
  await scenario.apply(deployment(5, "1"));
  const condition = await scenario.until(
    "WaitingForCapacity in Ready",
    () => scenario.condition(NAME, "Ready"),
    (seen) => seen?.reason === "WaitingForCapacity" && seen.message.includes("4 of 5"),
  );
  expect(condition).toMatchObject({ status: "False" });
  expect(condition?.message).toContain("Insufficient nvidia.com/gpu");
  // The routers of the new namespace start meanwhile.
  await scenario.waitFor(NAME, "Available");
}, 300_000);

test("with as many replicas as GPUs it is ready", async () => {
  await scenario.apply(deployment(4, "1"));
  await scenario.waitFor(NAME, "Ready");
}, 300_000);

test("a new revision that finds no GPU leaves stable serving and says WaitingForCapacity", async () => {
  await scenario.apply(deployment(4, "2"));
  const condition = await scenario.until(
    "WaitingForCapacity in RolloutInProgress",
    () => scenario.condition(NAME, "RolloutInProgress"),
    (seen) => seen?.reason === "WaitingForCapacity",
  );
  expect(condition?.message).toContain("Insufficient nvidia.com/gpu");
  expect(await scenario.condition(NAME, "Ready")).toMatchObject({ status: "True", reason: "Serving" });
}, 300_000);

test("once there is room for it, it takes the traffic", async () => {
  await scenario.apply(deployment(2, "2"));
  await scenario.waitFor(NAME, "Promoted");
  await scenario.waitFor(NAME, "Ready");
}, 300_000);

test("a waiting replica gets the GPU that another deployment gives back, and nobody has to act", async () => {
  const late = plainDeployment("late", { pools, runtime, replicas: 3 });
  await scenario.apply(late);
  const condition = await scenario.until(
    "WaitingForCapacity in Ready of the second deployment",
    () => scenario.condition("late", "Ready"),
    (seen) => seen?.reason === "WaitingForCapacity" && seen.message.includes("2 of 3"),
  );
  expect(condition?.message).toContain("Insufficient nvidia.com/gpu");
  await scenario.kubectl("delete", "modeldeployment", NAME, "--wait=false");
  await scenario.waitFor("late", "Ready");
}, 300_000);
