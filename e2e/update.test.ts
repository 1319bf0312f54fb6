/**
 * A change of the model: the new revision comes up beside the old one and takes all the traffic once it is ready,
 * with no failed request; one that does not become ready never gets any; an apply of the old model goes back, and so does
 * an undo, which stands though the same spec is applied again. Nothing follows from a change while it is suspended.
 */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { exampleModel, plainDeployment } from "./example-models.ts";
import { predict } from "./inference-client.ts";
import type { ProbeReport } from "./probe.ts";
import { Scenario, sharedCluster } from "./scenario.ts";
import { underLoad } from "./under-load.ts";

let scenario: Scenario;
const NAME = "shop-ranker";

beforeAll(async () => {
  scenario = await Scenario.create(await sharedCluster(), "update");
  await scenario.apply(plainDeployment(NAME));
  await scenario.waitFor(NAME, "Ready");
}, 300_000);

afterAll(() => scenario.dispose(), 180_000);

/** Goes on for a moment after it. */
function changeUnderLoad(change: () => Promise<void>): Promise<ProbeReport> {
  return underLoad(scenario, NAME, async () => {
    await change();
    await delay(3_000);
  });
}

async function servingRevision(): Promise<string> {
  const { revision } = await predict(await scenario.url(NAME), NAME, [
    [1, 1, 0, 1, 0, 0, 1, 1, 10, 0, 10, 10],
  ]);
  return revision;
}

let firstRevision: string;

test("a new model takes all the traffic without a failed request", async () => {
  firstRevision = await servingRevision();
  const report = await changeUnderLoad(async () => {
    await scenario.apply(plainDeployment(NAME, { model: exampleModel("2") }));
    await scenario.waitFor(NAME, "Promoted");
  });
  expect(report.failures).toEqual([]);
  expect(report.sent).toBeGreaterThan(150);
  expect(await servingRevision()).not.toBe(firstRevision);
}, 300_000);

test("an undo goes back without a failed request, and stands until somebody asks for another try", async () => {
  const report = await changeUnderLoad(async () => {
    await scenario.petrel("undo", NAME);
    await scenario.until("the old model serves", servingRevision, (revision) => revision === firstRevision);
  });
  expect(report.failures).toEqual([]);
  // As GitOps does, with what else may change.
  await scenario.apply(plainDeployment(NAME, { model: exampleModel("2"), replicas: 3 }));
  await scenario.waitFor(NAME, "Undone");
  await scenario.until(
    "a third server",
    () => scenario.pods("model-server", NAME),
    (pods) => pods.length === 3,
  );
  await delay(5_000);
  expect(await servingRevision()).toBe(firstRevision);
  expect(await scenario.condition(NAME, "Undone")).toMatchObject({ status: "True", reason: "Undone" });
  await scenario.apply(plainDeployment(NAME, { model: exampleModel("2") }));
  await scenario.petrel("retry", NAME);
  await scenario.waitFor(NAME, "Promoted");
  expect(await servingRevision()).not.toBe(firstRevision);
}, 300_000);

test("an apply of the old model goes back to its revision, without a failed request", async () => {
  const report = await changeUnderLoad(async () => {
    await scenario.apply(plainDeployment(NAME));
    await scenario.waitFor(NAME, "Promoted");
  });
  expect(report.failures).toEqual([]);
  expect(await servingRevision()).toBe(firstRevision);
}, 300_000);

test("the servers of the former revision are gone once nobody is sent to them", async () => {
  const list = await scenario.until(
    "only the pods of the serving revision",
    () => scenario.pods("model-server", NAME),
    (pods) => pods.length === 2,
  );
  expect(list).toHaveLength(2);
});

test("a model with another digest is never served; the condition says expected and found", async () => {
  const wrong = { ...exampleModel("2"), digest: `sha256:${"0".repeat(64)}` };
  const report = await changeUnderLoad(async () => {
    await scenario.apply(plainDeployment(NAME, { model: wrong }));
    const condition = await scenario.until(
      "the failed check in RolloutInProgress",
      () => scenario.condition(NAME, "RolloutInProgress"),
      (seen) => seen?.reason === "FetchFailed",
    );
    expect(condition?.message).toContain(wrong.digest);
    expect(condition?.message).toContain(exampleModel("2").digest);
  });
  expect(report.failures).toEqual([]);
  expect(await scenario.condition(NAME, "Ready")).toMatchObject({ status: "True" });
  expect(await scenario.condition(NAME, "Promoted")).toMatchObject({ status: "False" });
  expect(await servingRevision()).toBe(firstRevision);
}, 300_000);

test("a missing model is told, and the way back is an apply", async () => {
  const missing = { ...exampleModel("2"), uri: "file:///models/none.onnx" };
  await scenario.apply(plainDeployment(NAME, { model: missing }));
  const condition = await scenario.until(
    "the missing model in RolloutInProgress",
    () => scenario.condition(NAME, "RolloutInProgress"),
    (seen) => seen?.reason === "FetchFailed" && seen.message.includes("none.onnx"),
  );
  expect(condition?.status).toBe("True");
  await scenario.apply(plainDeployment(NAME));
  await scenario.waitFor(NAME, "Promoted");
  await scenario.waitFor(NAME, "RolloutInProgress=False");
  expect(await servingRevision()).toBe(firstRevision);
}, 300_000);

test("while it is suspended it serves on and nothing follows from its spec, until it goes on", async () => {
  const servers = async () => (await scenario.pods("model-server", NAME)).map(({ name }) => name).toSorted();
  const before = await servers();
  const changes = { model: exampleModel("2"), replicas: 3 };
  const report = await changeUnderLoad(async () => {
    await scenario.apply(plainDeployment(NAME, { ...changes, suspend: true }));
    await scenario.waitFor(NAME, "Suspended");
    await delay(5_000);
  });
  expect(report.failures).toEqual([]);
  expect(await servers()).toEqual(before);
  expect(await servingRevision()).toBe(firstRevision);
  expect(await scenario.condition(NAME, "Promoted")).toMatchObject({ status: "False", reason: "Suspended" });
  await scenario.apply(plainDeployment(NAME, changes));
  await scenario.waitFor(NAME, "Promoted");
  await scenario.until("three servers of the new model", servers, (names) => names.length === 3);
  expect(await servingRevision()).not.toBe(firstRevision);
  expect(await scenario.condition(NAME, "Suspended")).toBeUndefined();
}, 300_000);
