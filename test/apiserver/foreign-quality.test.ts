/**
 * A real Triton with `examples/triton-observed.yaml`, behind the sidecar with the arguments that its pod has, behind a
 * router's Envoy: tokens come over REST and gRPC, the collector takes labels for them, own traffic gets none, metrics are
 * of what passed, and what the runtime's end looks like.
 *
 * @jest-environment <rootDir>/test/native-arrays-environment.mjs
 */
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { Server } from "node:http";
import { connect } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { layOutTriton } from "../../e2e/cluster/index.ts";
import { exampleRows } from "../../e2e/example-models.ts";
import { expectExampleScores } from "../../e2e/expect-example-scores.ts";
import { asList, asString, valueAt } from "../../src/api/json.ts";
import { ANNOTATION, CONTAINER, MODEL_POD_PORT } from "../../src/api/names.ts";
import { feedbackServer } from "../../src/collect/collect-server.ts";
import type { Collector } from "../../src/collect/collector.ts";
import { parseSettings } from "../../src/collect/settings.ts";
import { openCollector } from "../../src/collect/testdata/collecting.ts";
import { systemClock } from "../../src/core/clock.ts";
import { createLogger } from "../../src/core/log.ts";
import { observedRequests } from "../../src/core/pods/pod-revision.ts";
import { close, listen } from "../../src/process/bounded-http-server.ts";
import { modelServersTemplate } from "../../src/render/model-servers/pod-template.ts";
import { encodeMessage } from "../../src/serve/grpc-messages.ts";
import { inferOnWire } from "../../src/serve/testdata/grpc-wire-call.ts";
import { KeyRing, revisionSecret } from "../../src/token/key-ring.ts";
import { readToken, tokenBytes } from "../../src/token/prediction-token.ts";
import { nameTag, userTag } from "../../src/token/tags.ts";
import { ControlledEnvoy, newPlan, stableArm } from "./router-envoy/controlled-envoy.ts";
import { freePort } from "./router-envoy/envoy-process.ts";
import { cpu, endpoint } from "./router-envoy/model-world.ts";
import { until } from "./router-envoy/until.ts";

const root = join(import.meta.dirname, "../..");
const { metadata, spec } = parse(readFileSync(join(root, "examples/triton-observed.yaml"), "utf8"));
const NAME: string = metadata.name;
const UID = "0c9c1d6e-8d3e-4a52-9c53-0e2f2c1f8a11";
/** Triton and its sidecar have an address of their own: files run at the same time. */
const ADDRESS = "127.65.0.3";
const rows = exampleRows().map((row) => row.features);
const features = { name: "features", datatype: "FP32", shape: [rows.length, rows[0]?.length ?? 0] };
const rootSecret = Buffer.alloc(32, 3);
const users = Buffer.alloc(32, 4).toString("base64");
const log = createLogger({ write: () => {}, now: systemClock.now });
const folder = mkdtempSync(join(tmpdir(), "petrel-triton-quality-"));

let triton: ChildProcess;
let sidecar: ChildProcess;
let collector: Collector;
let feedback: Server;
let envoy: ControlledEnvoy;
let url: string;
let metricsPort: number;
let inlineRestPort: number;

const observed = observedRequests({ traffic: {}, ...spec });
/** The pod that the operator makes of the example. */
const template = modelServersTemplate({
  owner: { name: NAME, namespace: "shop", uid: UID },
  revision: cpu.revision,
  model: spec.model,
  runtime: { intraOpThreads: 1, ...spec.runtime },
  pool: spec.pools[0],
  serviceAccountName: "any",
  image: "petrel",
  cudaImage: "petrel",
  imagePullPolicy: "Always",
  tokenPool: 0,
  ...(observed === undefined ? {} : { observed }),
});

/** Words of a container, with other ports and files in the place of the pod's. */
function wordsOf(list: string, name: string, replaced: readonly (readonly [string, string])[]): string[] {
  const container = asList(valueAt(template, "spec", list)).find((one) => valueAt(one, "name") === name);
  const words = asList(valueAt(container, "args")).map(String);
  return words.map((word) => replaced.reduce((text, [from, to]) => text.replace(from, to), word));
}

async function startTriton(rest: number, grpc: number): Promise<void> {
  const { server, backends } = await layOutTriton(folder, (line) => console.info(line));
  const models = join(folder, "models");
  mkdirSync(models);
  cpSync(join(root, "examples/models/cdnow-triton"), join(models, NAME), { recursive: true });
  const words = wordsOf("containers", CONTAINER.serve, [
    ["=/models", `=${models}`],
    [`=${MODEL_POD_PORT.rest}`, `=${rest}`],
    [`=${MODEL_POD_PORT.grpc}`, `=${grpc}`],
    [`=${MODEL_POD_PORT.metrics}`, `=${await freePort()}`],
  ]);
  const addresses = ["http", "grpc", "metrics"].map((one) => `--${one}-address=${ADDRESS}`);
  triton = spawn(server, [...words, ...addresses, `--backend-directory=${backends}`], {
    stdio: "ignore",
    detached: true,
  });
}

function startSidecar(ports: Readonly<Record<"rest" | "grpc" | "inlineRest" | "inlineGrpc", number>>): void {
  const settings = asString(valueAt(template, "metadata", "annotations", ANNOTATION.sidecarSettings));
  writeFileSync(join(folder, "settings.json"), settings ?? "");
  const names = { deployment: nameTag(UID), revision: nameTag(cpu.revision), keyId: 1 };
  const secret = revisionSecret(rootSecret, names).toString("base64");
  const key = { deployment: UID, revision: cpu.revision, id: 1, secret };
  writeFileSync(join(folder, "key.json"), JSON.stringify({ users, keys: [key] }));
  const words = wordsOf("initContainers", CONTAINER.sidecar, [
    [`127.0.0.1:${MODEL_POD_PORT.rest}`, `${ADDRESS}:${ports.rest}`],
    [`127.0.0.1:${MODEL_POD_PORT.grpc}`, `${ADDRESS}:${ports.grpc}`],
    [`=${MODEL_POD_PORT.inlineRest}`, `=${ports.inlineRest}`],
    [`=${MODEL_POD_PORT.inlineGrpc}`, `=${ports.inlineGrpc}`],
    ["/etc/petrel/sidecar/settings.json", join(folder, "settings.json")],
    ["/etc/petrel/token/key.json", join(folder, "key.json")],
  ]);
  sidecar = spawn(
    process.execPath,
    [
      "--no-warnings",
      join(root, "src/main.ts"),
      ...words,
      `--listen-address=${ADDRESS}`,
      `--metrics-port=${metricsPort}`,
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
}

async function startCollector(): Promise<number> {
  const ring = KeyRing.parse(
    JSON.stringify({ users, roots: [{ id: 1, secret: rootSecret.toString("base64") }] }),
  );
  const { labels, metrics } = spec.quality;
  const counted = metrics.map((metric: object) => ({ ...metric, label: "order" }));
  const deployment = { name: NAME, uid: UID, labels, metrics: counted };
  const settings = parseSettings(JSON.stringify({ deployments: [deployment] }));
  collector = openCollector(join(folder, "evidence.db"), { settings, ring }, systemClock.now);
  feedback = feedbackServer({
    collector,
    log,
    maximumBodyBytes: 2 ** 20,
    maximumConnections: 100,
    requestTimeoutMilliseconds: 10_000,
    accessTokens: () => [],
  });
  return listen(feedback, "127.0.0.1", 0);
}

beforeAll(async () => {
  const [rest, grpc, inlineRest, inlineGrpc] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  metricsPort = await freePort();
  inlineRestPort = inlineRest;
  await startTriton(rest, grpc);
  startSidecar({ rest, grpc, inlineRest, inlineGrpc });
  const collectorPort = await startCollector();
  // Those of pods without a sidecar before them, as this one's runtime has them.
  envoy = await ControlledEnvoy.start(
    { rest, grpc },
    { collector: { host: "127.0.0.1", port: collectorPort } },
  );
  const plan = await newPlan([stableArm(cpu)], {
    timeout: "20s",
    perTryTimeout: "10s",
    epoch: 7,
    feedback: { userHeader: spec.quality.userHeader, excludeHeader: spec.quality.excludeFromQuality.header },
  });
  const pod = { ...endpoint(ADDRESS, "cpu"), ports: { rest: inlineRest, grpc: inlineGrpc } };
  await envoy.serve(NAME, plan, [pod]);
  url = `http://127.0.0.1:${plan.port}`;
  await until("Triton is ready behind sidecar and router", async () => (await health()) === 200, 90_000);
}, 900_000);

afterAll(async () => {
  // Triton and the processes of its models are a group of their own.
  if (triton?.pid !== undefined && triton.exitCode === null && triton.signalCode === null) {
    process.kill(-triton.pid, "SIGKILL");
  }
  sidecar?.kill("SIGKILL");
  await envoy?.stop();
  if (feedback !== undefined) await close(feedback);
  await collector?.close();
  rmSync(folder, { recursive: true, force: true });
});

function health(): Promise<number> {
  return fetch(`${url}/v2/health/ready`).then(
    ({ status }) => status,
    () => 0,
  );
}

interface Answer {
  readonly scores: readonly number[];
  readonly token: string | undefined;
}

async function overRest(headers: Record<string, string>): Promise<Answer> {
  const body = JSON.stringify({ inputs: [{ ...features, data: rows.flat() }] });
  const answer = await fetch(`${url}/v2/models/${NAME}/infer`, { method: "POST", body, headers });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`status ${answer.status}: ${text}`);
  expect(answer.headers.get("x-petrel-revision")).toBe(cpu.revision);
  const token = answer.headers.get("x-petrel-token") ?? undefined;
  return { scores: JSON.parse(text).outputs[0].data, token };
}

async function overGrpc(headers: Record<string, string>): Promise<Answer> {
  const message = encodeMessage("inference.ModelInferRequest", {
    modelName: NAME,
    inputs: [{ ...features, contents: { fp32Contents: rows.flat() } }],
  });
  const session = connect(url);
  try {
    const { head, status, body } = await inferOnWire(session, message, headers);
    if (status !== "0") throw new Error(`gRPC status ${status}`);
    // Triton answers in binary, the scores last.
    const bytes = body.subarray(-4 * rows.length);
    const token = head["x-petrel-token"]?.toString();
    return { scores: rows.map((_, row) => bytes.readFloatLE(4 * row)), token };
  } finally {
    session.close();
  }
}

async function shown(series: string): Promise<number | undefined> {
  const text = await (await fetch(`http://${ADDRESS}:${metricsPort}/metrics`)).text();
  const line = text.split("\n").find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

const tokensOf = (outcome: string) => shown(`petrel_sidecar_tokens_total{outcome="${outcome}"}`);

test.each([
  ["REST", overRest],
  ["gRPC", overGrpc],
])(
  "over %s Triton's answer has a token that says what the router decided, and the collector takes a label for it",
  async (_protocol, ask) => {
    const { scores, token: text = "" } = await ask({ "x-user-id": "ann", "x-petrel-epoch": "9" });
    expectExampleScores(scores);
    const token = readToken(tokenBytes(text) ?? Buffer.alloc(0));
    expect(token).toMatchObject({
      arm: 0,
      epoch: 7,
      rows: rows.length,
      pool: 0,
      deployment: nameTag(UID),
      revision: nameTag(cpu.revision),
      model: Number.parseInt(spec.model.digest.slice("sha256:".length, "sha256:".length + 8), 16),
    });
    expect(Math.abs(token.seconds - Date.now() / 1_000)).toBeLessThan(60);
    const ring = KeyRing.parse(JSON.stringify({ users, keys: [] }));
    expect(Buffer.from(token.userTag)).toEqual(Buffer.from(userTag("ann", ring.users)));
    const label = (row: number) => ({
      method: "POST",
      body: JSON.stringify({ token: text, events: [{ label: "order", row }] }),
    });
    const taken = await fetch(`${url}/feedback`, label(rows.length - 1));
    expect(await taken.json()).toEqual({ results: [{ events: ["accepted"] }] });
    const beyond = await fetch(`${url}/feedback`, label(rows.length));
    expect(await beyond.json()).toMatchObject({ results: [{ events: ["malformed"] }] });
  },
  60_000,
);

test("own traffic gets no token, over both protocols", async () => {
  const before = (await tokensOf("excluded")) ?? 0;
  for (const ask of [overRest, overGrpc]) {
    const { scores, token } = await ask({ "x-user-id": "ann", "x-load-test": "1" });
    expectExampleScores(scores);
    expect(token).toBeUndefined();
  }
  expect(await tokensOf("excluded")).toBe(before + 2);
}, 60_000);

test("metrics are of what passed: requests, scores, features and tokens", async () => {
  const labels = `model_revision="${cpu.revision}",arm="Stable"`;
  const counted = (column: string, kind: string) =>
    shown(`petrel_model_values_total{${labels},column="${column}",kind="${kind}"}`);
  await until(
    "all four are counted",
    async () => (await shown(`petrel_model_requests_total{${labels},code="2xx"}`)) === 4,
  );
  expect(await counted("score", "number")).toBe(4);
  expect(await counted("orders", "number")).toBe(4);
  expect(await counted("orders", "missing")).toBe(0);
  expect(await shown(`petrel_model_rows_total{${labels}}`)).toBe(4 * rows.length);
  expect(await tokensOf("minted")).toBe(2);
  expect(await tokensOf("unread")).toBe(0);
  expect(await shown("petrel_sidecar_configuration_valid")).toBe(1);
}, 60_000);

test("a request that Triton refuses is answered with what it says, and has no token", async () => {
  const body = JSON.stringify({ inputs: [{ ...features, shape: [1, 1], data: [1] }] });
  const answer = await fetch(`${url}/v2/models/${NAME}/infer`, { method: "POST", body });
  expect([answer.status, answer.headers.get("x-petrel-token")]).toEqual([400, null]);
  expect(await answer.json()).toEqual({ error: expect.stringContaining("unexpected shape for input") });
  expect(await tokensOf("minted")).toBe(2);
}, 60_000);

test("when Triton dies, the pod is not ready, and requests are told so, without a token", async () => {
  if (triton.pid === undefined) throw new Error("Triton does not run");
  const ended = new Promise((resolve) => triton.once("exit", resolve));
  process.kill(-triton.pid, "SIGKILL");
  await ended;
  const ready = await fetch(`http://${ADDRESS}:${inlineRestPort}/v2/health/ready`);
  expect([ready.status, await ready.json()]).toEqual([502, { error: "the model runtime does not answer" }]);
  await expect(overRest({})).rejects.toThrow(/^status 50[23]/);
  await expect(overGrpc({})).rejects.toThrow("gRPC status 14");
  expect(await tokensOf("minted")).toBe(2);
  // It goes on itself: it has answered all of that.
  expect(sidecar.exitCode).toBeNull();
}, 60_000);
