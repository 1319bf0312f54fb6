/**
 * What the model server costs beside what it is made of: CPU time for one inference of one row in binary over
 * 32 connections of loopback, against the bare parts: an empty answer of node:http and one run of ONNX Runtime
 * on the same model in the same process.
 *
 * Prints the ratio; the absolute figures are those of the machine. Run: node bench/serve.ts
 */
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../src/core/clock.ts";
import { createLogger } from "../src/core/log.ts";
import { ModelServer } from "../src/serve/model-server.ts";
import { OnnxSession } from "../src/serve/onnx-session.ts";
import type { Tensor } from "../src/serve/tensor.ts";

const CONNECTIONS = 32;
const REQUESTS = 20_000;
const WARM_UP_REQUESTS = 5_000;
const ROUNDS = 3;
const MODEL_FILE = join(import.meta.dirname, "..", "src", "serve", "testdata", "mlp.onnx");

const JSON_PART = JSON.stringify({
  inputs: [{ name: "features", datatype: "FP32", shape: [1, 4], parameters: { binary_data_size: 16 } }],
  parameters: { binary_data_output: true },
});
const BODY = Buffer.concat([Buffer.from(JSON_PART), Buffer.from(Float32Array.of(1, 2, 3, 4).buffer)]);

/** Sends requests from a process of its own, so that its CPU time is not counted. */
const CLIENT = `
  import { Agent, request } from "node:http";
  const [port, jsonLength, body, connections, requests] = JSON.parse(process.argv[1]);
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const bytes = Buffer.from(body, "base64");
  const headers = { "inference-header-content-length": jsonLength, "content-length": bytes.length };
  const options = { host: "127.0.0.1", port, path: "/v2/models/m/infer", method: "POST", agent, headers };
  const one = () => new Promise((resolve, reject) => {
    const call = request(options, (response) => {
      response.resume();
      response.on("end", response.statusCode === 200 ? resolve : () => reject(new Error(response.statusCode)));
    });
    call.on("error", reject);
    call.end(bytes);
  });
  let left = requests;
  const loop = async () => { while (left-- > 0) await one(); };
  await Promise.all(Array.from({ length: connections }, loop));
  agent.destroy();
`;

function load(port: number, requests: number): Promise<void> {
  const options = JSON.stringify([port, JSON_PART.length, BODY.toString("base64"), CONNECTIONS, requests]);
  const client = spawn(process.execPath, ["--input-type=module", "-e", CLIENT, options], {
    stdio: "inherit",
  });
  return new Promise((resolve, reject) => {
    client.once("exit", (code) =>
      code === 0 ? resolve() : reject(new Error(`the client ended with ${code}`)),
    );
  });
}

interface Measurement {
  readonly cpuMicroseconds: number;
  readonly requestsPerSecond: number;
}

/** CPU time of this whole process, all threads, for each request; the best of some rounds. */
async function measure(port: number): Promise<Measurement> {
  await load(port, WARM_UP_REQUESTS);
  const rounds: Measurement[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const cpu = process.cpuUsage();
    const start = performance.now();
    await load(port, REQUESTS);
    const { user, system } = process.cpuUsage(cpu);
    rounds.push({
      cpuMicroseconds: (user + system) / REQUESTS,
      requestsPerSecond: (REQUESTS / (performance.now() - start)) * 1_000,
    });
  }
  return rounds.reduce((best, round) => (round.cpuMicroseconds < best.cpuMicroseconds ? round : best));
}

/** The bare parts: read the body, run the model on the same thread, answer nothing. */
async function measureParts(): Promise<Measurement> {
  const session = await OnnxSession.load({
    modelFile: MODEL_FILE,
    executionProvider: "cpu",
    intraOpThreads: 1,
  });
  const elements = Float32Array.of(1, 2, 3, 4);
  const input: Tensor = { name: "features", datatype: "FP32", shape: [1, 4], elements };
  const server = createServer((request, response) => {
    request.resume();
    request.once("end", () => {
      session.run([input], ["score"]).then(() => response.end());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address: AddressInfo | string | null = server.address();
  const result = await measure(typeof address === "object" ? (address?.port ?? 0) : 0);
  server.close();
  await session.release();
  return result;
}

async function measureServer(): Promise<Measurement> {
  const modelDirectory = mkdtempSync(join(tmpdir(), "petrel-bench-"));
  cpSync(MODEL_FILE, join(modelDirectory, "model.onnx"));
  const server = new ModelServer(
    {
      serverVersion: "bench",
      modelDirectory,
      modelName: "m",
      modelVersion: "1",
      listenAddress: "127.0.0.1",
      restPort: 0,
      grpcPort: 0,
      metricsPort: 0,
      executionProvider: "cpu",
      intraOpThreads: 1,
      maximumRequestBytes: 16 * 2 ** 20,
      maximumConcurrentRequests: 512,
      maximumQueuedRequests: 128,
      requestTimeoutMilliseconds: 30_000,
      drainDelayMilliseconds: 0,
      drainTimeoutMilliseconds: 1_000,
    },
    {
      clock: systemClock,
      log: createLogger({ write: () => {}, now: systemClock.now }),
      onModelLost: (error) => {
        throw error;
      },
    },
  );
  const ports = await server.listen();
  await server.load();
  const result = await measure(ports.rest);
  await server.close();
  rmSync(modelDirectory, { recursive: true });
  return result;
}

const parts = await measureParts();
const served = await measureServer();
const print = (name: string, { cpuMicroseconds, requestsPerSecond }: Measurement) =>
  console.log(
    `${name}: ${cpuMicroseconds.toFixed(1)} us of CPU per request, ${Math.round(requestsPerSecond)}/s`,
  );
print("node:http and a bare run", parts);
print("petrel serve", served);
console.log(`ratio: ${(served.cpuMicroseconds / parts.cpuMicroseconds).toFixed(2)}`);
