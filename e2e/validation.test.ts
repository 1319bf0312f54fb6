/**
 * Models that are judged on a labelled set before any request reaches them: the first one alone, a good one beside it,
 * and one that was trained on shuffled labels, which is refused while the good one serves on.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type ExampleModel, exampleModel, parsedExample, plainDeployment } from "./example-models.ts";
import { Scenario, sharedCluster } from "./scenario.ts";
import { underLoad } from "./under-load.ts";

let scenario: Scenario;
const NAME = "validated-ranker";
const { validation } = (parsedExample("validation.yaml") as { spec: { validation: object } }).spec;

/** The model whose labels were in random order: as fast and as well-formed as the others. */
function shuffledModel(): ExampleModel {
  const path = join(import.meta.dirname, "../examples/models/cdnow/shuffled/model.onnx");
  const digest = `sha256:${createHash("sha256").update(readFileSync(path)).digest("hex")}`;
  return { uri: "file:///models/cdnow/shuffled/model.onnx", digest };
}

function deployment(model: ExampleModel): object {
  return plainDeployment(NAME, { model, validation });
}

beforeAll(async () => {
  scenario = await Scenario.create(await sharedCluster(), "validation");
}, 300_000);

afterAll(() => scenario.dispose(), 180_000);

/** The outcome of the validation of a revision that is not this one. */
function outcomeAfter(former: string | undefined) {
  return scenario.until(
    "the outcome of a validation",
    async () => (await scenario.status(NAME)).validation,
    (seen) => seen?.outcome !== undefined && seen.revision !== former,
    180,
  );
}

async function jobs(): Promise<readonly string[]> {
  const names = await scenario.kubectl("get", "jobs", "-o", "name");
  return names.split("\n").filter((name) => name !== "");
}

/** Names of revisions that have pods of model servers. */
async function revisionsWithPods(): Promise<ReadonlySet<string>> {
  const list = JSON.parse(
    await scenario.kubectl("get", "pods", "--selector", "petrel.dev/component=model-server", "-o", "json"),
  );
  return new Set(
    list.items.map(
      (pod: { metadata: { labels: Record<string, string> } }) =>
        pod.metadata.labels["petrel.dev/model-revision"],
    ),
  );
}

test("the first model is judged alone, and then gets its first pod", async () => {
  await scenario.apply(deployment(exampleModel("1")));
  const judged = await outcomeAfter(undefined);
  expect(judged).toMatchObject({ outcome: "Passed", rows: 40, requests: 40, units: 40 });
  expect(judged).not.toHaveProperty("baseline");
  expect(judged?.checks).toEqual([
    expect.objectContaining({ metric: "auc", rule: "AtLeast", verdict: "Passed", threshold: "0.45" }),
  ]);
  await scenario.waitFor(NAME, "Ready");
  expect(await scenario.condition(NAME, "Validated")).toMatchObject({
    status: "True",
    reason: "ValidationPassed",
    message: expect.stringContaining("on 40 rows of 40 requests: auc 0.7917 ("),
  });
  await scenario.until("no Job is left", jobs, (left) => left.length === 0);
}, 300_000);

test("a good model is judged beside it on the same rows, and takes over without a failed request", async () => {
  const { validation: former, revisions } = await scenario.status(NAME);
  const report = await underLoad(scenario, NAME, async () => {
    await scenario.apply(deployment(exampleModel("2")));
    const judged = await outcomeAfter(former?.revision);
    expect(judged).toMatchObject({ outcome: "Passed", baseline: revisions?.stable });
    expect(judged?.checks?.map(({ metric, rule }) => `${metric} ${rule}`)).toEqual([
      "auc AtLeast",
      "auc NotWorse",
      "log-loss NotWorse",
    ]);
    await scenario.waitFor(NAME, "Promoted");
  });
  expect(report.failures).toEqual([]);
}, 420_000);

test("a model that was trained on shuffled labels is refused, and nobody is answered by it", async () => {
  const { validation: former, revisions } = await scenario.status(NAME);
  const report = await underLoad(scenario, NAME, async () => {
    await scenario.apply(deployment(shuffledModel()));
    const judged = await outcomeAfter(former?.revision);
    expect(judged).toMatchObject({ outcome: "Failed", baseline: revisions?.stable });
    await scenario.waitFor(NAME, "Stalled");
  });
  expect(report.failures).toEqual([]);
  expect(await scenario.condition(NAME, "Stalled")).toMatchObject({
    reason: "ValidationFailed",
    message: expect.stringMatching(/auc 0\.1944 \(.* to .*\), must be at least 0\.45: failed/),
  });
  expect(await scenario.condition(NAME, "Ready")).toMatchObject({ status: "True" });
  const { revisions: after, traffic } = await scenario.status(NAME);
  expect(after).toEqual({ stable: revisions?.stable });
  expect(traffic?.arms.flatMap(({ pools }) => pools.map(({ revision }) => revision))).toEqual([
    revisions?.stable,
  ]);
  await scenario.until(
    "only pods of the stable model",
    async () => [...(await revisionsWithPods())].join(),
    (names) => names === revisions?.stable,
  );
}, 420_000);

test("the outcome holds though its Job is deleted, and the former model is asked for without another one", async () => {
  const [job = ""] = await jobs();
  expect(await scenario.kubectl("logs", job, "--container", "evaluate")).toContain("not passed");
  await scenario.kubectl("delete", job, "--wait=true");
  await scenario.apply(deployment(exampleModel("2")));
  await scenario.waitFor(NAME, "Promoted");
  expect(await scenario.condition(NAME, "Stalled")).toBeUndefined();
  await scenario.apply(deployment(shuffledModel()));
  await scenario.waitFor(NAME, "Stalled");
  expect(await jobs()).toEqual([]);
}, 300_000);
