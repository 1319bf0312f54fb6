/**
 * A real Triton with the arguments and the model of `examples/triton.yaml`: `petrel fetch` brings the model by its
 * digest, Triton serves it from a folder as its pod has it, and a router's Envoy reaches it over both protocols and
 * takes it for healthy.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { layOutTriton, runOrFail } from "../../e2e/cluster/index.ts";
import { exampleRows } from "../../e2e/example-models.ts";
import { expectExampleScores } from "../../e2e/expect-example-scores.ts";
import { grpcClient, type Prediction, predict, predictOverGrpc } from "../../e2e/inference-client.ts";
import { MODEL_POD_PORT } from "../../src/api/names.ts";
import { ControlledEnvoy, newPlan, stableArm } from "./router-envoy/controlled-envoy.ts";
import { freePort } from "./router-envoy/envoy-process.ts";
import { cpu, endpoint } from "./router-envoy/model-world.ts";
import { until } from "./router-envoy/until.ts";

const root = join(import.meta.dirname, "../..");
const { metadata, spec } = parse(readFileSync(join(root, "examples/triton.yaml"), "utf8"));
const { container } = spec.runtime;
/** Triton has its own address: files run at the same time. */
const ADDRESS = "127.65.0.1";
const rows = exampleRows().map((row) => row.features);

const folder = mkdtempSync(join(tmpdir(), "petrel-triton-"));
let envoy: ControlledEnvoy;
let triton: ChildProcess;
let url: string;
let metricsPort: number;

/** The example's arguments, with this machine's folders and ports in the place of the pod's. */
function argumentsHere(models: string, ports: Readonly<Record<number, number>>): readonly string[] {
  return container.args.map((argument: string) =>
    argument.replace("=/models", `=${models}`).replace(/-port=(\d+)$/, (_, port) => `-port=${ports[port]}`),
  );
}

beforeAll(async () => {
  const { server, backends } = await layOutTriton(folder, (line) => console.info(line));
  expect(container.command).toEqual(["tritonserver"]);
  const models = join(folder, "models");
  mkdirSync(models);
  const uri = spec.model.uri.replace("file:///models", `file://${join(root, "examples/models")}`);
  const target = join(models, metadata.name);
  const fetched = ["--uri", uri, "--digest", spec.model.digest, "--target", target];
  await runOrFail(process.execPath, [join(root, "src/main.ts"), "fetch", ...fetched]);

  envoy = await ControlledEnvoy.start({ rest: await freePort(), grpc: await freePort() });
  metricsPort = await freePort();
  const { rest, grpc } = envoy.settings.ports;
  const ports = {
    [MODEL_POD_PORT.rest]: rest,
    [MODEL_POD_PORT.grpc]: grpc,
    [MODEL_POD_PORT.metrics]: metricsPort,
  };
  const addresses = ["http", "grpc", "metrics"].map((name) => `--${name}-address=${ADDRESS}`);
  const words = [...argumentsHere(models, ports), ...addresses, `--backend-directory=${backends}`];
  triton = spawn(server, words, { stdio: "ignore", detached: true });
  const plan = await newPlan([stableArm(cpu)], { timeout: "20s", perTryTimeout: "10s" });
  await envoy.serve(metadata.name, plan, [endpoint(ADDRESS, "cpu")]);
  url = `http://127.0.0.1:${plan.port}`;
  const isReady = () =>
    fetch(`${url}/v2/health/ready`).then(
      ({ status }) => status === 200,
      () => false,
    );
  await until("Triton is ready", isReady, 60_000);
}, 900_000);

afterAll(async () => {
  // Triton and the processes of its models are a group of their own.
  if (triton?.pid !== undefined) process.kill(-triton.pid, "SIGKILL");
  await envoy?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Version 1 is what Triton calls it, after the model's folder. */
function expectScores({ scores, revision: version }: Prediction): void {
  expect(version).toBe("1");
  expectExampleScores(scores);
}

test("REST answers what model 1 answers", async () => {
  expectScores(await predict(url, metadata.name, rows));
}, 60_000);

/** Protocols of the one model server that Envoy's own checks have found healthy. */
async function healthyProtocols(): Promise<readonly (string | undefined)[]> {
  const stats = await fetch(`http://127.0.0.1:${envoy.place.metricsPort}/stats/prometheus`);
  const healthy = /^envoy_cluster_membership_healthy\{[^}]*"ranker-triton_[^"]*_(rest|grpc)"[^}]*\} 1$/gm;
  return [...(await stats.text()).matchAll(healthy)].map(([, protocol]) => protocol).toSorted();
}

test("gRPC answers the same, once Envoy has asked for Triton's health", async () => {
  const client = grpcClient(url);
  try {
    let prediction: Prediction | undefined;
    await until(
      "gRPC is answered",
      async () => {
        prediction = await predictOverGrpc(client, metadata.name, rows).catch(() => undefined);
        return prediction !== undefined;
      },
      30_000,
    );
    if (prediction !== undefined) expectScores(prediction);
    // Requests are let through before the first check, too.
    await until("both protocols are healthy", async () => (await healthyProtocols()).length === 2, 30_000);
    expect(await healthyProtocols()).toEqual(["grpc", "rest"]);
  } finally {
    client.close();
  }
}, 90_000);

test("its metrics are on the port that scrapers read", async () => {
  const answer = await fetch(`http://${ADDRESS}:${metricsPort}/metrics`);
  expect(await answer.text()).toContain(`nv_inference_count{model="${metadata.name}",version="1"}`);
}, 60_000);
