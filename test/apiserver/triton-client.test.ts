/**
 * Triton's public Python client, as anybody installs it, calls `petrel serve` processes through a router's Envoy: over
 * REST with binary data and with JSON, and over gRPC on the same port. It need not know that this is not Triton.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { pythonPackages, runOrFail } from "../../e2e/cluster/index.ts";
import { exampleRows } from "../../e2e/example-models.ts";
import { expectExampleScores } from "../../e2e/expect-example-scores.ts";
import { modelDirectory, tinyModelFile } from "../../src/serve/testdata/server.ts";
import { ControlledEnvoy, newPlan, stableArm } from "./router-envoy/controlled-envoy.ts";
import { freePort } from "./router-envoy/envoy-process.ts";
import { cpu, endpoint } from "./router-envoy/model-world.ts";
import { until } from "./router-envoy/until.ts";

const root = join(import.meta.dirname, "../..");
const calls = join(import.meta.dirname, "triton-client/calls.py");
/** The servers have their own addresses: files run at the same time. */
const ADDRESSES = { ranker: "127.66.0.1", identity: "127.66.0.2" } as const;
type Model = keyof typeof ADDRESSES;

/** How the client sends tensors. */
const WAYS = ["REST, binary data", "REST, JSON", "gRPC"] as const;
type Way = (typeof WAYS)[number];

interface Tensor {
  readonly name?: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data: readonly string[];
}

interface Answers {
  readonly inferences: readonly { readonly outputs?: Readonly<Record<string, Tensor>> }[];
  readonly [call: string]: unknown;
}

/** Two values of every datatype, the largest and smallest ones where there are such. */
const VALUES = {
  BOOL: ["true", "false"],
  UINT8: ["0", "255"],
  UINT16: ["0", "65535"],
  UINT32: ["0", "4294967295"],
  UINT64: ["9007199254740993", "18446744073709551615"],
  INT8: ["-128", "127"],
  INT16: ["-32768", "32767"],
  INT32: ["-2147483648", "2147483647"],
  INT64: ["-9223372036854775808", "9007199254740993"],
  FP16: ["-0.5", "65504.0"],
  FP32: ["-0.25", "3.4028234663852886e+38"],
  FP64: ["5e-324", "1.7976931348623157e+308"],
  BYTES: ["", "é 🐦"],
} as const;

const folder = modelDirectory(tinyModelFile("identity"));
const servers: ChildProcess[] = [];
let packages: string;
let envoy: ControlledEnvoy;
const ports = new Map<Model, number>();

async function serve(model: Model, modelFolder: string): Promise<void> {
  const { rest, grpc } = envoy.settings.ports;
  const options = {
    "model-name": model,
    "model-version": "7",
    "model-directory": modelFolder,
    "listen-address": ADDRESSES[model],
    "rest-port": rest,
    "grpc-port": grpc,
    "metrics-port": 0,
    "liveness-port": 0,
  };
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  servers.push(spawn(process.execPath, [join(root, "src/main.ts"), "serve", ...words], { stdio: "ignore" }));
  const plan = await newPlan([stableArm({ ...cpu, pool: "cpu" })], { timeout: "20s", perTryTimeout: "10s" });
  await envoy.serve(model, plan, [endpoint(ADDRESSES[model], "cpu")]);
  ports.set(model, plan.port);
  const isReady = () =>
    fetch(`http://127.0.0.1:${plan.port}/v2/health/ready`).then(
      ({ status }) => status === 200,
      () => false,
    );
  await until(`${model} is ready`, isReady, 60_000);
}

/** Asks one model for everything, by one way of the client. */
async function call(model: Model, way: Way, inferences: readonly object[]): Promise<Answers> {
  const request = {
    address: `127.0.0.1:${ports.get(model)}`,
    protocol: way === "gRPC" ? "grpc" : "http",
    model,
    inferences: inferences.map((inference) => ({ ...inference, jsonData: way === "REST, JSON" })),
  };
  const output = await runOrFail("python3", [calls], {
    environment: { PYTHONPATH: packages },
    input: JSON.stringify(request),
    timeoutMilliseconds: 110_000,
  });
  return JSON.parse(output);
}

beforeAll(async () => {
  packages = await pythonPackages("tritonclient");
  envoy = await ControlledEnvoy.start({ rest: await freePort(), grpc: await freePort() });
  await serve("ranker", join(root, "examples/models/cdnow/1"));
  await serve("identity", folder.path);
}, 900_000);

afterAll(async () => {
  for (const server of servers) server.kill("SIGKILL");
  await envoy?.stop();
  folder.remove();
});

describe.each(WAYS)("%s", (way) => {
  test("health, metadata and the example model's answers are as Triton's client expects them", async () => {
    const rows = exampleRows();
    const features = {
      name: "features",
      datatype: "FP32",
      shape: [rows.length, 12],
      data: rows.flatMap((row) => row.features.map(String)),
    };
    const answers = await call("ranker", way, [{ inputs: [features], outputs: { score: "FP32" } }]);
    // Over gRPC the client shows 64-bit integers as protocol buffers do in JSON: as texts.
    const shape = (...sizes: readonly number[]) => (way === "gRPC" ? sizes.map(String) : sizes);
    expect(answers).toMatchObject({
      serverIsLive: true,
      serverIsReady: true,
      modelIsReady: true,
      otherModelIsReady: false,
      server: { name: "petrel", version: "0.1.0", extensions: expect.any(Array) },
      model: {
        name: "ranker",
        versions: ["7"],
        platform: "onnx_onnxv1",
        inputs: [{ name: "features", datatype: "FP32", shape: shape(-1, 12) }],
        outputs: [{ name: "score", datatype: "FP32", shape: shape(-1, 1) }],
      },
      inferences: [{ id: "a request", model: "ranker", version: "7" }],
    });
    const score = answers.inferences[0]?.outputs?.["score"];
    expect(score).toMatchObject({ datatype: "FP32", shape: [rows.length, 1] });
    expectExampleScores(score?.data.map(Number) ?? []);
  }, 120_000);

  test("every datatype comes back as it was sent, 64-bit integers with every digit", async () => {
    const tensors = Object.entries(VALUES).map(([datatype, data]) => ({ datatype, shape: [1, 2], data }));
    const inputs = tensors.map((tensor) => ({ ...tensor, name: `${tensor.datatype}_in` }));
    const outputs = Object.fromEntries(tensors.map(({ datatype }) => [`${datatype}_out`, datatype]));
    const { inferences } = await call("identity", way, [{ inputs, outputs }]);
    const expected = Object.fromEntries(tensors.map((tensor) => [`${tensor.datatype}_out`, tensor]));
    expect(inferences).toEqual([{ id: "a request", model: "identity", version: "7", outputs: expected }]);
  }, 120_000);

  test("an error reaches the client as one, with its status and the name of the input", async () => {
    const wrong = { name: "wrong", datatype: "FP32", shape: [1, 12], data: Array(12).fill("1") };
    const { inferences } = await call("ranker", way, [{ inputs: [wrong], outputs: { score: "FP32" } }]);
    const status = way === "gRPC" ? "StatusCode.INVALID_ARGUMENT" : "400";
    expect(inferences).toEqual([{ status, message: expect.stringContaining("wrong") }]);
  }, 120_000);
});
