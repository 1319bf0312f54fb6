/**
 * The sidecar before a real Triton, as a process of its own with the model of `examples/triton.yaml`: predictions over
 * REST, gRPC and a stream of gRPC are Triton's, and what passed is in the sidecar's metrics and training log.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { layOutTriton } from "../../e2e/cluster/index.ts";
import { exampleRows, exampleScores } from "../../e2e/example-models.ts";
import { expectExampleScores } from "../../e2e/expect-example-scores.ts";
import { grpcClient, predict, predictOverGrpc } from "../../e2e/inference-client.ts";
import { encodeMessage } from "../../src/serve/grpc-messages.ts";
import { freePort } from "./router-envoy/envoy-process.ts";
import { until } from "./router-envoy/until.ts";

const root = join(import.meta.dirname, "../..");
const MODEL = "ranker-triton";
/** Triton has its own address: files run at the same time. */
const ADDRESS = "127.65.0.2";
const rows = exampleRows().map((row) => row.features);
const folder = mkdtempSync(join(tmpdir(), "petrel-sidecar-triton-"));
const processes: ChildProcess[] = [];
let sidecar: ChildProcess;
let ports: Readonly<Record<"rest" | "grpc" | "metrics", number>>;

const SETTINGS = {
  observe: {
    scores: { output: "score", probability: true },
    features: [0, 1, 11].map((column) => ({ name: `feature-${column}`, input: "features", column })),
    maximumRows: 63,
  },
  trainingLog: { folder: join(folder, "training") },
};

beforeAll(async () => {
  const { server, backends } = await layOutTriton(folder, (line) => console.info(line));
  const models = join(folder, "models");
  cpSync(join(root, "examples/models/cdnow-triton"), join(models, MODEL), { recursive: true });
  const [rest, grpc, metrics] = [await freePort(), await freePort(), await freePort()];
  const words = [
    `--model-repository=${models}`,
    `--backend-directory=${backends}`,
    ...["http", "grpc", "metrics"].map((name) => `--${name}-address=${ADDRESS}`),
    `--http-port=${rest}`,
    `--grpc-port=${grpc}`,
    `--metrics-port=${metrics}`,
  ];
  processes.push(spawn(server, words, { stdio: "ignore", detached: true }));
  writeFileSync(join(folder, "settings.json"), JSON.stringify(SETTINGS));
  ports = { rest: await freePort(), grpc: await freePort(), metrics: await freePort() };
  sidecar = spawn(
    process.execPath,
    [
      "--no-warnings",
      join(root, "src/main.ts"),
      "sidecar",
      `--settings=${join(folder, "settings.json")}`,
      `--rest-upstream=http://${ADDRESS}:${rest}`,
      `--grpc-upstream=http://${ADDRESS}:${grpc}`,
      `--rest-port=${ports.rest}`,
      `--grpc-port=${ports.grpc}`,
      `--metrics-port=${ports.metrics}`,
      `--model-name=${MODEL}`,
      "--model-revision=ranker-triton-1",
      "--listen-address=127.0.0.1",
    ],
    { stdio: ["ignore", "ignore", "inherit"], detached: true },
  );
  processes.push(sidecar);
  const isReady = () =>
    fetch(`http://127.0.0.1:${ports.rest}/v2/health/ready`).then(
      ({ status }) => status === 200,
      () => false,
    );
  await until("Triton is ready behind the sidecar", isReady, 90_000);
}, 900_000);

afterAll(() => {
  // Triton and the processes of its models are a group of their own.
  for (const { pid, exitCode } of processes)
    if (pid !== undefined && exitCode === null) process.kill(-pid, "SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

async function shown(series: string): Promise<number | undefined> {
  const text = await (await fetch(`http://127.0.0.1:${ports.metrics}/metrics`)).text();
  const line = text.split("\n").find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

const LABELS = 'model_revision="ranker-triton-1",arm="None"';
const requests = () => shown(`petrel_model_requests_total{${LABELS},code="2xx"}`);

test("REST answers what the model answers", async () => {
  const { scores, revision } = await predict(`http://127.0.0.1:${ports.rest}`, MODEL, rows);
  expect(revision).toBe("1");
  expectExampleScores(scores);
  await until("it is observed", async () => (await requests()) === 1);
}, 60_000);

test("REST in binary both ways", async () => {
  const features = Buffer.from(Float32Array.from(rows.flat()).buffer);
  const shape = [rows.length, rows[0]?.length ?? 0];
  const json = JSON.stringify({
    inputs: [
      { name: "features", datatype: "FP32", shape, parameters: { binary_data_size: features.length } },
    ],
    outputs: [{ name: "score", parameters: { binary_data: true } }],
  });
  const answer = await fetch(`http://127.0.0.1:${ports.rest}/v2/models/${MODEL}/infer`, {
    method: "POST",
    headers: { "inference-header-content-length": String(json.length) },
    body: new Uint8Array(Buffer.concat([Buffer.from(json), features])),
  });
  const bytes = Buffer.from(await answer.arrayBuffer());
  const scores = bytes.subarray(Number(answer.headers.get("inference-header-content-length")));
  expectExampleScores(rows.map((_, row) => scores.readFloatLE(4 * row)));
  await until("it is observed", async () => (await requests()) === 2);
}, 60_000);

test("gRPC answers the same, unary and as a stream", async () => {
  const client = grpcClient(`http://127.0.0.1:${ports.grpc}`);
  try {
    expectExampleScores((await predictOverGrpc(client, MODEL, rows)).scores);
    await until("it is observed", async () => (await requests()) === 3);
    const bytes = (message: Buffer) => message;
    const stream = client.makeBidiStreamRequest(
      "/inference.GRPCInferenceService/ModelStreamInfer",
      bytes,
      bytes,
    );
    const answers: Buffer[] = [];
    const ended = new Promise<void>((resolve, reject) => {
      stream.on("data", (answer: Buffer) => answers.push(answer));
      stream.on("error", reject);
      stream.on("end", resolve);
    });
    const request = encodeMessage("inference.ModelInferRequest", {
      modelName: MODEL,
      inputs: [{ name: "features", datatype: "FP32", shape: [1, 12], contents: { fp32Contents: rows[0] } }],
    });
    const ask = async () => {
      for (let round = 1; round <= 3; round++) {
        stream.write(request);
        await until("an answer comes before the stream ends", () => answers.length === round);
      }
      stream.end();
    };
    await Promise.all([ended, ask()]);
    // Field 2, the answer, and not field 1, an error.
    for (const answer of answers) expect(answer[0]).toBe(0x12);
    expect(await requests()).toBe(3);
  } finally {
    client.close();
  }
}, 90_000);

test("an error of Triton is the client's, and counted", async () => {
  await expect(predict(`http://127.0.0.1:${ports.rest}`, MODEL, [[1, 2]])).rejects.toThrow(/status 400/);
  await until(
    "it is counted",
    async () => (await shown(`petrel_model_requests_total{${LABELS},code="4xx"}`)) === 1,
  );
}, 60_000);

test("scores and features are those of the rows, in metrics and in the training log", async () => {
  const values = (column: string, kind: string) =>
    shown(`petrel_model_values_total{${LABELS},column="${column}",kind="${kind}"}`);
  for (const column of ["score", "feature-0", "feature-11"]) {
    expect(await values(column, "number")).toBe(3);
    expect(await values(column, "missing")).toBe(0);
  }
  expect(await shown('petrel_sidecar_unobserved_total{reason="Unreadable"}')).toBeUndefined();
  const ended = new Promise((resolve) => sidecar.once("exit", (code) => resolve(code)));
  sidecar.kill("SIGTERM");
  expect(await ended).toBe(0);
  const [name = ""] = readdirSync(SETTINGS.trainingLog.folder);
  const lines = readFileSync(join(SETTINGS.trainingLog.folder, name), "utf8").trimEnd().split("\n");
  const answered = lines.map((line) => JSON.parse(line)).filter(({ status }) => status === 200);
  expect(answered).toHaveLength(3);
  for (const { values: logged, rows: count, model, revision } of answered) {
    expect([count, model, revision]).toEqual([rows.length, MODEL, "ranker-triton-1"]);
    for (const [row, score] of exampleScores("1").slice(0, 63).entries()) {
      expect(logged.score[row]).toBeCloseTo(score, 5);
      expect(logged["feature-11"][row]).toBeCloseTo(rows[row]?.[11] ?? Number.NaN, 5);
    }
  }
}, 60_000);
