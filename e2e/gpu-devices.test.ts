/**
 * The ways to a GPU beside a whole one by its resource: slices, claims, and what a model server says when it has
 * a GPU and cannot compute on it. The manifests are the examples, with the CPU stated where no real GPU is needed.
 */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { parseAllDocuments } from "yaml";
import { exampleManifest } from "./example-models.ts";
import { Scenario, sharedCluster } from "./scenario.ts";

let scenario: Scenario;

beforeAll(async () => {
  scenario = await Scenario.create(await sharedCluster(), "devices");
}, 60_000);

afterAll(() => scenario.dispose(), 180_000);

/** Applies an example. Its model servers compute on the CPU: the devices of the test cluster are made up. */
async function applyOnCpu(name: string, replicas: number): Promise<void> {
  for (const document of parseAllDocuments(exampleManifest(name))) {
    const object = document.toJS();
    if (object.kind !== "ModelDeployment") await scenario.apply(object);
    else
      await scenario.apply({
        ...object,
        spec: { ...object.spec, replicas, runtime: { executionProvider: "CPU" } },
      });
  }
}

function waiting(name: string, count: string) {
  return scenario.until(
    `WaitingForCapacity in Ready of ${name}`,
    () => scenario.condition(name, "Ready"),
    (seen) => seen?.reason === "WaitingForCapacity" && seen.message.includes(count),
  );
}

describe("claims (dynamic resource allocation)", () => {
  test("every replica gets devices of its own, and is ready", async () => {
    await applyOnCpu("dra.yaml", 2);
    await scenario.waitFor("dra", "Ready");
    const path = "{range .items[*]}{.status.allocation.devices.results[*].request}{'\\n'}{end}";
    const requests = (await scenario.kubectl("get", "resourceclaims", "-o", `jsonpath=${path}`))
      .trim()
      .split("\n");
    // One node has a large device, the other has none and gives two of its own.
    expect(requests.toSorted()).toEqual(["gpu/large", "gpu/two gpu/two"]);
  }, 300_000);

  test("a claim that no device satisfies is told in the scheduler's own words", async () => {
    await applyOnCpu("dra.yaml", 3);
    expect((await waiting("dra", "2 of 3"))?.message).toContain("cannot allocate all claims");
    expect(await scenario.condition("dra", "Available")).toMatchObject({ status: "True" });
  }, 300_000);

  test("fewer replicas give their devices back", async () => {
    await applyOnCpu("dra.yaml", 2);
    await scenario.waitFor("dra", "Ready");
  }, 300_000);
});

test("slices of a GPU are counted apart from whole ones", async () => {
  await applyOnCpu("mig.yaml", 4);
  await scenario.waitFor("mig", "Ready");
  await applyOnCpu("mig.yaml", 5);
  expect((await waiting("mig", "4 of 5"))?.message).toContain("Insufficient nvidia.com/mig-1g.10gb");
}, 300_000);

describe("a GPU pool on an image without the CUDA provider", () => {
  test("does not get ready and says what to do, while the pool behind it serves", async () => {
    await scenario.apply(exampleManifest("gpu.yaml"));
    const condition = await scenario.until(
      "ExecutionProviderMissing in Ready",
      () => scenario.condition("gpu", "Ready"),
      (seen) => seen?.reason === "ExecutionProviderMissing",
    );
    expect(condition).toMatchObject({ status: "False" });
    expect(condition?.message).toMatch(
      /pool gpu: 0 of 2 .*petrel-serve-cuda.*state runtime.executionProvider: CPU/,
    );
    await scenario.waitFor("gpu", "Available");
  }, 300_000);

  test("is ready when the CPU is stated", async () => {
    await applyOnCpu("gpu.yaml", 2);
    await scenario.waitFor("gpu", "Ready");
  }, 300_000);
});
