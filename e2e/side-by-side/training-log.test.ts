/**
 * A training log in a real bucket: the requests of a model server and the labels of the collector, each with the ids of
 * the tokens that clients got, though nothing of either is left in the cluster.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { asString, valueAt } from "../../src/api/json.ts";
import { COMPONENT, CONTAINER, LABEL, MODEL_POD_PORT } from "../../src/api/names.ts";
import { OBJECT_STORE_KEYS, type ObjectStore } from "../cluster/index.ts";
import { EvidenceVolume } from "../evidence-volume.ts";
import { exampleRows, plainDeployment } from "../example-models.ts";
import { idOf, loggedLines, loggedObjects } from "../logged-objects.ts";
import { objectStoreFor, settings } from "../model-stores.ts";
import { clusterIsLocal, Scenario, sharedCluster } from "../scenario.ts";

// A cluster that was given reaches no store of this machine.
const here = clusterIsLocal ? test : test.skip;

const NAME = "logged";
const PREDICTIONS = 20;
const rows = exampleRows().map((row) => row.features);

let scenario: Scenario;
let volume: EvidenceVolume | undefined;
let store: ObjectStore | undefined;
let url: string;

beforeAll(async () => {
  scenario = await Scenario.create(await sharedCluster(), "training-log");
  if (!clusterIsLocal) return;
  store = await objectStoreFor(scenario, 9300);
  await store.makeBucket("training");
  volume = new EvidenceVolume(scenario);
  await volume.make();
  await scenario.apply(settings("ConfigMap", "store-ca", { "ca.crt": store.authority }));
  const { accessKeyId, secretAccessKey } = OBJECT_STORE_KEYS;
  const keys = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  await scenario.apply(settings("Secret", "store", keys));
  const quality = {
    labels: [{ name: "click", matures: "30m" }],
    metrics: [{ name: "ctr", type: "ClickThroughRate" }],
    response: { scores: "score", probability: true },
    observe: { features: [{ name: "first", input: "features" }] },
    log: {
      bucket: `s3://training/${NAME}`,
      sample: "100%",
      s3: { endpoint: store.endpoint, credentialsSecret: "store" },
      certificateAuthority: { kind: "ConfigMap", name: "store-ca", key: "ca.crt" },
    },
  };
  await scenario.apply(plainDeployment(NAME, { replicas: 1, quality }));
  await scenario.waitFor(NAME, "Ready");
  await scenario.waitFor(NAME, "EvidenceReady");
  url = await scenario.url(NAME);
}, 300_000);

afterAll(async () => {
  await scenario.dispose();
  await volume?.remove();
  store?.stop();
}, 180_000);

/** The token of an answer, if it has one. */
async function predict(): Promise<string | null> {
  const shape = [rows.length, rows[0]?.length ?? 0];
  const answer = await fetch(`${url}/v2/models/${NAME}/infer`, {
    method: "POST",
    body: JSON.stringify({ inputs: [{ name: "features", datatype: "FP32", shape, data: rows.flat() }] }),
    signal: AbortSignal.timeout(10_000),
  });
  await answer.arrayBuffer();
  expect(answer.status).toBe(200);
  return answer.headers.get("x-petrel-token");
}

/** Whether each model server is connected with its sidecar: what it answers before is not observed. */
async function isObserved(): Promise<boolean> {
  const script = `fetch("http://127.0.0.1:${MODEL_POD_PORT.sidecar}/metrics")
    .then(async (page) => process.stdout.write(await page.text()));`;
  const pods = await scenario.pods("model-server", NAME);
  const pages = await Promise.all(
    pods.map(({ name }) =>
      scenario.kubectl("exec", name, "-c", CONTAINER.sidecar, "--", "node", "-e", script).catch(() => ""),
    ),
  );
  return pages.length > 0 && pages.every((page) => /^petrel_sidecar_tap_connections 1$/m.test(page));
}

/** What was answered to a label. One that a router has sent twice may be a duplicate by then. */
async function click(token: string): Promise<string> {
  const answer = await fetch(`${url}/feedback`, {
    method: "POST",
    body: JSON.stringify({ token, events: [{ label: "click", row: 0 }] }),
    signal: AbortSignal.timeout(20_000),
  });
  return `${answer.status} ${await answer.text()}`;
}

/** Ids of the requests that lines of a kind are about. */
async function idsIn(kind: "requests" | "labels"): Promise<readonly string[]> {
  if (store === undefined) return [];
  const lines = loggedLines(await loggedObjects(store, "training", `${NAME}/${kind}/`));
  return lines.map((line) => asString(valueAt(line, "request")) ?? "").toSorted();
}

here(
  "requests and their labels are in the bucket once the pods that wrote them are gone",
  async () => {
    await scenario.until("an answer has a token", predict, (token) => token !== null, 240);
    await scenario.until("the sidecar is told of requests", isObserved, (isSo) => isSo);
    const tokens: string[] = [];
    // Routers of a busy machine may still be replaced one by one: not every answer has a token.
    await scenario.until(
      "enough answers have a token",
      async () => {
        const token = await predict();
        return token === null ? tokens.length : tokens.push(token);
      },
      (count) => count === PREDICTIONS,
      180,
    );
    for (const token of tokens) {
      await scenario.until(
        "the label is taken",
        () => click(token).catch(String),
        (answer) => /^200 .*"(accepted|duplicate)"/.test(answer),
        60,
      );
    }
    await scenario.kubectl("delete", "modeldeployment", NAME, "--wait=false");
    const ids = tokens.map(idOf).toSorted();
    const areThere = (found: readonly string[]) => ids.every((id) => found.includes(id));
    await scenario.until("the requests are there", () => idsIn("requests"), areThere, 180);
    const labels = await scenario.until("the labels are there", () => idsIn("labels"), areThere, 180);
    expect(labels).toEqual(ids);
    const wrote = `${LABEL.component} in (${COMPONENT.modelServer},${COMPONENT.collector})`;
    await scenario.until(
      "the pods that wrote them are gone",
      () => scenario.kubectl("get", "pods", "-l", wrote, "-o", "name"),
      (names) => names === "",
      180,
    );
  },
  900_000,
);
