/**
 * The examples of models from a store, from a registry and from a claim, against real ones: each gets ready and
 * answers what the model answers. A second pod takes its model from the cache.
 */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { newSigner } from "../src/fetch/testdata/fetch-fixture.ts";
import { OBJECT_STORE_KEYS, type ObjectStore, type Registry } from "./cluster/index.ts";
import { exampleModelBytes, exampleRows, parsedExample } from "./example-models.ts";
import { expectExampleScores } from "./expect-example-scores.ts";
import { predict } from "./inference-client.ts";
import { claimFor, forgetClaim, objectStoreFor, registryFor, settings } from "./model-stores.ts";
import { clusterIsLocal, imagesAreMounted, Scenario, sharedCluster } from "./scenario.ts";

// A cluster that was given reaches no store and no registry of this machine.
const here = clusterIsLocal ? test : test.skip;

/** Of the ModelDeployments of the examples. Where no images are mounted, fetch-refused.test.ts has what is said of one. */
const NAMES = ["ranker-s3", "ranker-pvc", ...(imagesAreMounted ? ["ranker-oci"] : [])];

let scenario: Scenario;
let store: ObjectStore | undefined;
let registry: Registry | undefined;
let cacheFolder: string;

interface Example {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly model: object; readonly fetch?: { readonly s3?: object } };
}

/** An example with what is the user's own put in: addresses. Its pods need no more time-out than a busy machine does. */
function example(file: string, change: (spec: Example["spec"]) => object = () => ({})): object {
  const parsed = parsedExample(file) as unknown as Example;
  const traffic = { timeout: "4s", perTryTimeout: "1s" };
  return { ...parsed, spec: { ...parsed.spec, traffic, ...change(parsed.spec) } };
}

beforeAll(async () => {
  scenario = await Scenario.create(await sharedCluster(), "stores");
  if (!clusterIsLocal) return;
  const model = exampleModelBytes("1");
  const signer = newSigner();
  const started = await Promise.all([objectStoreFor(scenario, 9100), registryFor(scenario)]);
  [store, registry] = started;
  await store.makeBucket("models");
  await store.put("models", "ranker/1/model.onnx", model);
  await store.put("models", "ranker/1/model.onnx.sig", Buffer.from(signer.sign(model).toString("base64")));
  const image = await registry.push("models/ranker", { "model.onnx": model });
  const claim = await claimFor(scenario, "models");
  mkdirSync(join(claim, "ranker/1"), { recursive: true });
  writeFileSync(join(claim, "ranker/1/model.onnx"), model);
  cacheFolder = await claimFor(scenario, "model-cache");

  const { accessKeyId, secretAccessKey } = OBJECT_STORE_KEYS;
  await scenario.apply(settings("Secret", "signing", { "cosign.pub": signer.publicPem }));
  await scenario.apply(settings("ConfigMap", "store-ca", { "ca.crt": store.authority }));
  const keys = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  await scenario.apply(settings("Secret", "store", keys));
  const { endpoint } = store;
  await scenario.apply(
    example("s3-signed.yaml", ({ fetch }) => ({ fetch: { ...fetch, s3: { ...fetch?.s3, endpoint } } })),
  );
  if (imagesAreMounted)
    await scenario.apply(example("oci.yaml", () => ({ model: { uri: `oci://${image}` } })));
  await scenario.apply(example("pvc.yaml"));
}, 300_000);

afterAll(async () => {
  await scenario.dispose();
  if (clusterIsLocal) for (const claim of ["models", "model-cache"]) await forgetClaim(scenario, claim);
  store?.stop();
  registry?.stop();
}, 180_000);

here.each(NAMES)(
  "%s gets ready and answers what the model answers",
  async (name) => {
    await scenario.waitFor(name, "Ready");
    const rows = exampleRows().map((row) => row.features);
    const { scores } = await predict(await scenario.url(name), name, rows);
    expectExampleScores(scores);
  },
  300_000,
);

here(
  "the next pod takes the model from the cache",
  async () => {
    expect(readdirSync(join(cacheFolder, "petrel-cache-v1"))).toEqual([expect.stringMatching(/^sha256-/)]);
    const [before] = await scenario.pods("model-server", "ranker-s3");
    await scenario.kubectl("delete", "pod", before?.name ?? "", "--wait=false");
    const [after] = await scenario.until(
      "another pod",
      () => scenario.pods("model-server", "ranker-s3"),
      (pods) => pods.length === 1 && pods[0]?.name !== before?.name,
    );
    await scenario.kubectl("wait", `pod/${after?.name}`, "--for=condition=Ready", "--timeout=120s");
    const log = await scenario.kubectl("logs", after?.name ?? "", "-c", "fetch");
    expect(log).toContain("the model from the cache is verified and in place");
    expect(log).not.toContain(OBJECT_STORE_KEYS.secretAccessKey);
  },
  300_000,
);

here("the model server sees the model, and nothing that the fetch was given", async () => {
  for (const name of NAMES) {
    const [pod] = await scenario.pods("model-server", name);
    const path = "jsonpath={.spec.containers[0].volumeMounts[*].name}";
    expect(await scenario.kubectl("get", "pod", pod?.name ?? "", "-o", path)).toBe("model");
  }
});
