/**
 * The model of the demo as a user meets it: applied, ready, answering over REST and gRPC what the model itself answers.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { exampleManifest, exampleRows, exampleScores } from "./example-models.ts";
import { expectExampleScores } from "./expect-example-scores.ts";
import { grpcClient, type Prediction, predict, predictOverGrpc } from "./inference-client.ts";
import { Scenario, sharedCluster } from "./scenario.ts";

let scenario: Scenario;
const features = exampleRows().map((row) => row.features);

beforeAll(async () => {
  scenario = await Scenario.create(await sharedCluster(), "predict");
  await scenario.apply(exampleManifest("demo.yaml"));
  await scenario.waitFor("ranker", "Ready");
}, 300_000);

afterAll(() => scenario.dispose(), 180_000);

/** Asks until the first pool answers: the routers learn of a pod that got ready a moment after its status. */
async function expectFirstPool(ask: () => Promise<Prediction>): Promise<void> {
  const stable = (await scenario.status("ranker")).revisions?.stable;
  const read = async () => {
    const { scores, revision } = await ask();
    expect(revision).toBe(stable);
    // Both pools are of one revision. Whichever answers, its answer is that of its own model.
    const answersFirst = isNear(scores, exampleScores("1"));
    if (!answersFirst) expectExampleScores(scores, "small");
    return answersFirst;
  };
  await scenario.until("an answer of the first pool", read, (answersFirst) => answersFirst);
}

function isNear(scores: readonly number[], expected: readonly number[]): boolean {
  return scores.every((score, index) => Math.abs(score - (expected[index] ?? Number.NaN)) < 5e-6);
}

test("REST answers what the model answers, and names the revision", async () => {
  const url = await scenario.url("ranker");
  await expectFirstPool(() => predict(url, "ranker", features));
});

test("gRPC on the same port answers the same", async () => {
  const client = grpcClient(await scenario.url("ranker"));
  try {
    await expectFirstPool(() => predictOverGrpc(client, "ranker", features));
  } finally {
    client.close();
  }
});

test("the name of the Service resolves and answers inside the cluster", async () => {
  const script = `fetch("http://ranker/v2/models/ranker").then(async (answer) => process.stdout.write(await answer.text()))`;
  const [pod] = await scenario.pods("model-server", "ranker");
  const output = await scenario.kubectl("exec", pod?.name ?? "", "-c", "serve", "--", "node", "-e", script);
  expect(JSON.parse(output)).toMatchObject({ name: "ranker", platform: "onnx_onnxv1" });
});

test("a request that is wrong gets an error that names the input", async () => {
  const response = await fetch(`${await scenario.url("ranker")}/v2/models/ranker/infer`, {
    method: "POST",
    body: JSON.stringify({ inputs: [{ name: "wrong", datatype: "FP32", shape: [1], data: [1] }] }),
  });
  expect(response.status).toBe(400);
  expect(await response.json()).toEqual({ error: expect.stringContaining("wrong") });
});

test("kubectl shows what people look for", async () => {
  const table = await scenario.kubectl("get", "mdep");
  expect(table.split("\n")[0]?.split(/\s+/).filter(Boolean)).toEqual([
    "NAME",
    "READY",
    "REASON",
    "DESIRED",
    "AVAILABLE",
    "REVISION",
    "PROMOTED",
    "SUSPENDED",
    "AGE",
  ]);
  expect(table).toMatch(/ranker\s+True\s+Serving\s+3\s+3\s+ranker-/);
});

test("pods hold what the spec says: devices, restricted security, no token", async () => {
  const list = JSON.parse(await scenario.kubectl("get", "pods", "-l", "petrel.dev/pool=gpu", "-o", "json"));
  expect(list.items).toHaveLength(3);
  for (const pod of list.items) {
    expect(pod.spec.containers[0].resources.limits).toEqual({ "nvidia.com/gpu": "1" });
    expect(pod.spec.automountServiceAccountToken).toBe(false);
  }
});

test("kubectl scale changes the first pool and nothing else", async () => {
  const revision = (await scenario.status("ranker")).revisions?.stable;
  await scenario.kubectl("scale", "modeldeployment/ranker", "--replicas=4");
  await scenario.waitFor("ranker", "Ready");
  const status = await scenario.until(
    "four replicas",
    () => scenario.status("ranker"),
    (seen) => seen.pools?.[0]?.readyReplicas === 4,
  );
  expect(status.revisions).toEqual({ stable: revision });
  expect(status.pools?.map((pool) => [pool.name, pool.replicas])).toEqual([
    ["gpu", 4],
    ["cpu", 1],
  ]);
});
