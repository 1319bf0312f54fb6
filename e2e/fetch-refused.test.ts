/**
 * Models that must never be served: each is told by `kubectl get` and by a condition that says what was expected and
 * what was found, and no server has seen it.
 */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { digestOf, newSigner } from "../src/fetch/testdata/fetch-fixture.ts";
import { CORRUPT_MODEL, CORRUPT_MODEL_WORDS } from "../src/serve/testdata/corrupt-model.ts";
import { OBJECT_STORE_KEYS, type ObjectStore } from "./cluster/index.ts";
import { exampleModelBytes, plainDeployment } from "./example-models.ts";
import { objectStoreFor, settings } from "./model-stores.ts";
import { clusterIsLocal, imagesAreMounted, Scenario, sharedCluster } from "./scenario.ts";

const model = exampleModelBytes("1");
const other = exampleModelBytes("2");
const uri = "s3://models/ranker.onnx";
const digest = digestOf(model);
const verify = (name: string) => ({
  type: "DetachedSignature",
  publicKey: { kind: "Secret", name, key: "cosign.pub" },
});

interface Case {
  readonly model: object;
  /** Another endpoint than the store's. */
  readonly endpoint?: (endpoint: string) => string;
  readonly reason: "FetchFailed" | "ModelNotLoaded";
  readonly messages: readonly string[];
}

const CASES: Readonly<Record<string, Case>> = {
  "bad-digest": {
    model: { uri, digest: digestOf(other) },
    reason: "FetchFailed",
    messages: ["wrong digest", `expected ${digestOf(other)}`, `found ${digest}`],
  },
  "bad-signature": {
    model: { uri, digest, verify: verify("signing") },
    reason: "FetchFailed",
    messages: ["signature of the model's file does not verify", "by another key or over other bytes"],
  },
  "missing-key": {
    model: { uri, digest, verify: verify("nowhere") },
    reason: "FetchFailed",
    messages: ["expected key cosign.pub of Secret nowhere, found nothing"],
  },
  "missing-model": {
    model: { uri: "s3://models/none.onnx", digest },
    reason: "FetchFailed",
    messages: ["s3://models/none.onnx", "found none"],
  },
  "unreachable-store": {
    model: { uri, digest },
    // Port 9 discards what it gets, where there is one; here nobody listens.
    endpoint: (endpoint) => endpoint.replace(/:\d+$/, ":9"),
    reason: "FetchFailed",
    messages: ["ECONNREFUSED"],
  },
  "missing-image": {
    // There is no registry at that address in this scenario.
    model: { uri: `oci://127.0.0.1:9/none@${digest}` },
    reason: "FetchFailed",
    messages: imagesAreMounted
      ? [`the model's image 127.0.0.1:9/none@${digest} cannot be pulled`]
      : ["is not mounted: expected a cluster that mounts images", "found no volume"],
  },
  "corrupt-model": {
    model: { uri: "s3://models/corrupt.onnx", digest: digestOf(CORRUPT_MODEL) },
    reason: "ModelNotLoaded",
    messages: ["Load model from ", CORRUPT_MODEL_WORDS],
  },
};

let scenario: Scenario;
let store: ObjectStore | undefined;

beforeAll(async () => {
  scenario = await Scenario.create(await sharedCluster(), "refused");
  if (!clusterIsLocal) return;
  store = await objectStoreFor(scenario, 9200);
  await store.makeBucket("models");
  await store.put("models", "ranker.onnx", model);
  await store.put("models", "ranker.onnx.sig", newSigner().sign(model));
  await store.put("models", "corrupt.onnx", CORRUPT_MODEL);
  const { accessKeyId, secretAccessKey } = OBJECT_STORE_KEYS;
  const keys = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  await scenario.apply(settings("Secret", "store", keys));
  await scenario.apply(settings("Secret", "signing", { "cosign.pub": newSigner().publicPem }));
  await scenario.apply(settings("ConfigMap", "store-ca", { "ca.crt": store.authority }));
  for (const [name, { endpoint = (same: string) => same, ...broken }] of Object.entries(CASES)) {
    const fetch = {
      s3: { endpoint: endpoint(store.endpoint), credentialsSecret: "store" },
      certificateAuthority: { kind: "ConfigMap", name: "store-ca", key: "ca.crt" },
    };
    await scenario.apply(plainDeployment(name, { model: broken.model, fetch, replicas: 1 }));
  }
}, 300_000);

afterAll(async () => {
  await scenario.dispose();
  store?.stop();
}, 180_000);

// A cluster that was given reaches no store of this machine.
(clusterIsLocal ? describe : describe.skip).each(Object.entries(CASES))(
  "%s",
  (name, { reason, messages }) => {
    test("is told, with what was expected and what was found", async () => {
      const condition = await scenario.until(
        `Ready of ${name} with ${reason}`,
        () => scenario.condition(name, "Ready"),
        (seen) => seen?.reason === reason,
        180,
      );
      expect(condition?.status).toBe("False");
      for (const message of messages) expect(condition?.message).toContain(message);
      expect(condition?.message).not.toContain(OBJECT_STORE_KEYS.secretAccessKey);
      expect(await scenario.kubectl("get", "mdep", name)).toMatch(
        new RegExp(`${name}\\s+False\\s+${reason}\\s`),
      );
    }, 300_000);

    if (reason !== "FetchFailed") return;
    test("has never started a server", async () => {
      const [pod] = await scenario.pods("model-server", name);
      const path =
        "jsonpath={.status.containerStatuses[0].state.waiting.reason} {.status.containerStatuses[0].restartCount}";
      expect(await scenario.kubectl("get", "pod", pod?.name ?? "", "-o", path)).toBe("PodInitializing 0");
    });
  },
);
