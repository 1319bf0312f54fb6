/**
 * What the model server costs beside what it is made of: CPU time for one inference of one row in binary, against
 * the bare parts in the same process: an answer of node:http without a body, and one run of ONNX Runtime through
 * its public interface. Then batching against none, gRPC against REST, how long the event loop stands still while a
 * model of 128 MB is loaded, and the same requests to a Python server of the same protocol.
 *
 * Prints ratios; the absolute figures are those of the machine. All goes over loopback. Ends with 1 when a bar is
 * missed. Run: node bench/serve.ts [ROUNDS]
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { env } from "onnxruntime-node";
import { systemClock } from "../src/core/clock.ts";
import { createLogger } from "../src/core/log.ts";
import { encodeMessage } from "../src/serve/grpc-messages.ts";
import { frame } from "../src/serve/grpc-wire.ts";
import { type ListeningPorts, ModelServer } from "../src/serve/model-server.ts";
import { OnnxSession } from "../src/serve/onnx-session.ts";
import type { Batching } from "../src/serve/row-batch.ts";
import type { Tensor } from "../src/serve/tensor.ts";
import { machine } from "./machine.ts";
import { exactJsonRatios } from "./serve/exact-json.ts";
import { writeLargeModel } from "./serve/large-model.ts";
import { type Cost, costs, ownCpuMicroseconds } from "./serve/load.ts";
import { PythonServer, whyNoReference } from "./serve/python-server.ts";

const MANY_CONNECTIONS = 32;
const LOAD = { requests: 8_000, rounds: Number(process.argv[2] ?? 5) };
const LOAD_OF_ONE = { requests: 2_000, rounds: Number(process.argv[2] ?? 5) };
/** As many in flight as in the figures that are known of other servers. */
const PYTHON_CONNECTIONS = 16;
const PYTHON_REQUESTS = 1_500;
const LARGE_MODEL_BYTES = 128 * 2 ** 20;
const MODEL_FILE = join(import.meta.dirname, "..", "src", "serve", "testdata", "mlp.onnx");
const FEATURES = Float32Array.of(1, 2, 3, 4);
const BATCHING: Batching = { maximumRows: 64, maximumDelayMilliseconds: 0 };

function binaryRequest(): Buffer {
  const json = JSON.stringify({
    inputs: [{ name: "features", datatype: "FP32", shape: [1, 4], parameters: { binary_data_size: 16 } }],
    parameters: { binary_data_output: true },
  });
  const body = Buffer.concat([Buffer.from(json), Buffer.from(FEATURES.buffer)]);
  const head = [
    "POST /v2/models/m/infer HTTP/1.1",
    "Host: localhost",
    "Content-Type: application/octet-stream",
    `Inference-Header-Content-Length: ${json.length}`,
    `Content-Length: ${body.length}`,
  ];
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]);
}

function jsonRequest(): Buffer {
  const inputs = [{ name: "features", datatype: "FP32", shape: [1, 4], data: [...FEATURES] }];
  const body = JSON.stringify({ inputs });
  const head = [
    "POST /v2/models/m/infer HTTP/1.1",
    "Host: localhost",
    "Content-Type: application/json",
    `Content-Length: ${body.length}`,
  ];
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${body}`);
}

function grpcRequest(): Buffer {
  return frame(
    encodeMessage("inference.ModelInferRequest", {
      modelName: "m",
      inputs: [{ name: "features", datatype: "FP32", shape: [1, 4] }],
      rawInputContents: [Buffer.from(FEATURES.buffer)],
    }),
  );
}

/** The bare parts: read the body, run the model on the same thread, answer nothing. */
async function startParts(): Promise<{ readonly port: number; readonly close: () => Promise<void> }> {
  const session = await OnnxSession.load({
    modelFile: MODEL_FILE,
    executionProvider: "CPU",
    intraOpThreads: 1,
  });
  const input: Tensor = { name: "features", datatype: "FP32", shape: [1, 4], elements: FEATURES };
  const server = createServer((request, response) => {
    request.resume();
    request.once("end", () => {
      session.run([input], ["score"]).then(() => response.writeHead(200, { "content-length": 0 }).end());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address: AddressInfo | string | null = server.address();
  return {
    port: typeof address === "object" ? (address?.port ?? 0) : 0,
    close: async () => {
      server.close();
      await session.release();
    },
  };
}

async function startServer(
  modelDirectory: string,
  batching: Batching | undefined,
): Promise<{ readonly server: ModelServer; readonly ports: ListeningPorts }> {
  const server = new ModelServer(
    {
      serverVersion: "bench",
      modelDirectory,
      modelName: "m",
      modelVersion: "1",
      versionPolicy: "Latest",
      modelRevision: "bench",
      listenAddress: "127.0.0.1",
      restPort: 0,
      grpcPort: 0,
      metricsPort: 0,
      livenessPort: 0,
      executionProvider: "CPU",
      intraOpThreads: 1,
      batching,
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
  return { server, ports: await server.listen() };
}

async function startLoaded(modelDirectory: string, batching: Batching | undefined) {
  const { server, ports } = await startServer(modelDirectory, batching);
  const [loaded] = await server.load();
  if (loaded?.placement !== "Inline") {
    throw new Error("expected the small model to run on the main thread; the machine may be too busy");
  }
  return { server, ports };
}

/** The longest time that the event loop stood still while `work` was done, in milliseconds. */
async function longestGap(work: () => Promise<unknown>): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await work();
  delay.disable();
  return delay.max / 1e6;
}

/** What the model server is held to. */
const BAR = {
  overParts: 1.5,
  batchingGain: 1.4,
  grpcOverRest: 2.2,
  gapMilliseconds: 20,
  ofPython: 1 / 5,
  ofJsonParse: 3,
} as const;
/** Two measurements of the same thing differ by so much on a machine that does other things as well. */
const NOISE = 1.05;

const missed: string[] = [];

function cost(of: ReadonlyMap<string, Cost>, name: string): Cost {
  const found = of.get(name);
  if (found === undefined) throw new Error(`${name} was not measured`);
  return found;
}

function show(name: string, { cpuMicroseconds, requestsPerSecond }: Cost): void {
  console.log(
    `  ${name}: ${cpuMicroseconds.toFixed(1)} us of CPU a request, at most ${Math.round(requestsPerSecond)}/s`,
  );
}

/** Prints a ratio or another figure, and whether the bar holds. */
function judge(what: string, figure: string, holds: boolean, bar: string): void {
  if (!holds) missed.push(what);
  console.log(`  ${what}: ${figure} (${holds ? "holds" : "MISSED"}: ${bar})`);
}

function ratio(of: ReadonlyMap<string, Cost>, name: string, to: string): number {
  return cost(of, name).cpuMicroseconds / cost(of, to).cpuMicroseconds;
}

const folder = mkdtempSync(join(tmpdir(), "petrel-bench-"));
const small = join(folder, "small");
const large = join(folder, "large");
const python = join(folder, "python");
for (const path of [small, large, python]) mkdirSync(path);
cpSync(MODEL_FILE, join(small, "model.onnx"));
const versions = `Node ${process.version}, ONNX Runtime ${env.versions.node}`;
console.log(`${machine()}; ${versions}; load average ${loadavg()[0]?.toFixed(1)} at the start`);

const parts = await startParts();
const unbatched = await startLoaded(small, undefined);
const batched = await startLoaded(small, BATCHING);
const own = { cpuMicroseconds: ownCpuMicroseconds };
const binary = (port: number) => ({ protocol: "rest", port, request: binaryRequest() }) as const;
const json = (port: number) => ({ protocol: "rest", port, request: jsonRequest() }) as const;
const grpc = (port: number) => ({ protocol: "grpc", port, request: grpcRequest() }) as const;

async function measureParts(): Promise<void> {
  const targets = [
    { ...own, name: "node:http and a bare run", ...binary(parts.port) },
    { ...own, name: "REST", ...binary(unbatched.ports.rest) },
    { ...own, name: "REST, batching", ...binary(batched.ports.rest) },
    { ...own, name: "gRPC", ...grpc(unbatched.ports.grpc) },
  ];
  const many = await costs(targets, MANY_CONNECTIONS, LOAD);
  console.log(`\none row, binary, ${MANY_CONNECTIONS} connections`);
  for (const [name, of] of many) show(name, of);
  const overParts = ratio(many, "REST", "node:http and a bare run");
  judge("REST over its parts", overParts.toFixed(2), overParts <= BAR.overParts, `at most ${BAR.overParts}`);
  const gain = ratio(many, "REST", "REST, batching");
  judge("gain of batching", gain.toFixed(2), gain >= BAR.batchingGain, `at least ${BAR.batchingGain}`);
  const overRest = ratio(many, "gRPC", "REST");
  judge("gRPC over REST", overRest.toFixed(2), overRest <= BAR.grpcOverRest, `at most ${BAR.grpcOverRest}`);

  const one = await costs(targets.slice(1, 3), 1, LOAD_OF_ONE);
  console.log("\none row, binary, 1 connection");
  for (const [name, of] of one) show(name, of);
  const price = ratio(one, "REST, batching", "REST");
  judge("batching over none", price.toFixed(2), price <= NOISE, `at most 1, or ${NOISE} with the noise`);
}

async function measurePython(): Promise<void> {
  console.log(`\nagainst a Python server, one row, ${PYTHON_CONNECTIONS} connections`);
  const why = whyNoReference();
  if (why !== undefined) {
    console.log(`  not run: ${why}`);
    return;
  }
  const server = await PythonServer.start(python, MODEL_FILE);
  try {
    console.log(`  ${server.versions()}`);
    const theirs = { cpuMicroseconds: () => server.cpuMicroseconds(), requests: PYTHON_REQUESTS };
    const targets = [
      { ...own, name: "JSON", ...json(unbatched.ports.rest) },
      { ...theirs, name: "JSON, MLServer", ...json(server.restPort) },
      { ...own, name: "gRPC", ...grpc(unbatched.ports.grpc) },
      { ...theirs, name: "gRPC, MLServer", ...grpc(server.grpcPort) },
    ];
    const all = await costs(targets, PYTHON_CONNECTIONS, LOAD);
    for (const [name, of] of all) show(name, of);
    const share = (name: string) => ratio(all, name, `${name}, MLServer`);
    const asFraction = (name: string) => `1/${(1 / share(name)).toFixed(1)}`;
    // Its JSON is what it is known by; over REST it speaks nothing else.
    judge("JSON, ours of theirs", asFraction("JSON"), share("JSON") <= BAR.ofPython, "at most 1/5");
    console.log(`  gRPC, ours of theirs: ${asFraction("gRPC")}`);
  } finally {
    await server.stop();
  }
}

async function measureLoad(): Promise<void> {
  writeLargeModel(join(large, "model.onnx"), LARGE_MODEL_BYTES);
  const { server } = await startServer(large, undefined);
  let loadMilliseconds = 0;
  const gap = await longestGap(async () => {
    const start = performance.now();
    await server.load();
    loadMilliseconds = performance.now() - start;
  });
  const idle = await longestGap(() => new Promise((resolve) => setTimeout(resolve, loadMilliseconds)));
  await server.close();
  console.log(`\n128 MB loaded in ${Math.round(loadMilliseconds)} ms`);
  judge(
    "longest gap of the event loop",
    `${gap.toFixed(1)} ms (${idle.toFixed(1)} ms when idle for as long)`,
    gap <= BAR.gapMilliseconds,
    `at most ${BAR.gapMilliseconds} ms`,
  );
}

function measureExactJson(): void {
  console.log("\n16 MiB of JSON with 64-bit integers, CPU time against JSON.parse");
  for (const [kind, times] of exactJsonRatios())
    judge(kind, times.toFixed(2), times <= BAR.ofJsonParse, `at most ${BAR.ofJsonParse}`);
}

try {
  await measureParts();
  await measurePython();
  await Promise.all([parts.close(), unbatched.server.close(), batched.server.close()]);
  await measureLoad();
  measureExactJson();
} finally {
  rmSync(folder, { recursive: true });
}
console.log(missed.length === 0 ? "\nevery bar holds" : `\nmissed: ${missed.join(", ")}`);
process.exitCode = missed.length === 0 ? 0 : 1;
