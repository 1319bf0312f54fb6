import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { type Clock, systemClock } from "../core/clock.ts";
import type { ModelServerOptions } from "./model-server.ts";
import { grpcClient } from "./testdata/grpc-client.ts";
import { get, infer, MLP_REQUEST, steps } from "./testdata/rest-client.ts";
import {
  startReadyServer,
  startServer,
  startServerOn,
  type TestServer,
  type TinyModel,
  tinyModelFile,
} from "./testdata/server.ts";

jest.setTimeout(60_000);

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) {
    await cleanup();
  }
});

/** A ready server of one test alone. */
async function serving(
  model: TinyModel,
  overrides: Partial<ModelServerOptions> = {},
  clock: Clock = systemClock,
): Promise<TestServer> {
  const server = await startReadyServer(model, overrides, clock);
  cleanups.push(server.close);
  return server;
}

/** Waits until so many requests wait for the model or are under way in it. */
async function pendingRequests(server: TestServer, count: number): Promise<void> {
  while (
    !(await (await fetch(server.metricsUrl)).text()).includes(`\npetrel_serve_queue_requests ${count}\n`)
  ) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The machine's time, but a timer of {@link HELD_MILLISECONDS} or more fires only when it is released. */
class HeldClock implements Clock {
  readonly #held = new Map<number, (() => void)[]>();

  now(): number {
    return systemClock.now();
  }

  monotonic(): number {
    return systemClock.monotonic();
  }

  schedule(delayMilliseconds: number, callback: () => void): () => void {
    if (delayMilliseconds < HELD_MILLISECONDS) {
      return systemClock.schedule(delayMilliseconds, callback);
    }
    const held = this.#held.get(delayMilliseconds) ?? [];
    this.#held.set(delayMilliseconds, [...held, callback]);
    return () => {
      const left = this.#held.get(delayMilliseconds) ?? [];
      this.#held.set(
        delayMilliseconds,
        left.filter((other) => other !== callback),
      );
    };
  }

  /** Fires the timers of that delay. */
  release(delayMilliseconds: number): void {
    for (const callback of this.#held.get(delayMilliseconds) ?? []) callback();
    this.#held.delete(delayMilliseconds);
  }

  /** Resolves once there is a timer of that delay. */
  async scheduled(delayMilliseconds: number): Promise<void> {
    while ((this.#held.get(delayMilliseconds) ?? []).length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

const HELD_MILLISECONDS = 60_000;

function grpc(server: TestServer) {
  const client = grpcClient(server.grpcAddress);
  cleanups.push(client.close);
  return client;
}

describe("readiness", () => {
  test("comes with the warm model, and inference is 503 until then", async () => {
    const server = await startServer(tinyModelFile("mlp"));
    cleanups.push(server.close);
    const client = grpc(server);
    expect(await get(server, "/v2/health/live")).toEqual({ status: 200, body: { live: true } });
    expect(await get(server, "/v2/health/ready")).toEqual({
      status: 503,
      body: { error: "the model is loading" },
    });
    expect((await get(server, "/v2/models/m/ready")).status).toBe(503);
    expect((await infer(server, MLP_REQUEST)).status).toBe(503);
    expect(await client.inference("ServerReady")).toEqual({ ready: false });
    await expect(client.inference("ModelInfer", { modelName: "m" })).rejects.toMatchObject({
      code: status.UNAVAILABLE,
    });
    await server.server.load();
    expect((await get(server, "/v2/health/ready")).status).toBe(200);
    expect((await infer(server, MLP_REQUEST)).status).toBe(200);
  });

  test("never comes for a model that cannot load, and says why", async () => {
    const server = await startServer(tinyModelFile("truncated"));
    cleanups.push(server.close);
    await expect(server.server.load()).rejects.toThrow(/Protobuf parsing failed/);
    expect(await get(server, "/v2/health/ready")).toEqual({
      status: 503,
      body: { error: expect.stringMatching(/^the model cannot load: .*Protobuf parsing failed/) },
    });
    expect((await get(server, "/v2/health/live")).status).toBe(200);
  });
});

describe("a lost model", () => {
  test("makes the server not ready, and says why", async () => {
    const server = await serving("brittle");
    const request = { inputs: [{ name: "value", datatype: "FP32", shape: [1], data: [1] }] };
    expect((await get(server, "/v2/health/ready")).status).toBe(200);
    expect((await infer(server, request)).status).toBe(500);
    expect(await get(server, "/v2/health/ready")).toEqual({
      status: 503,
      body: {
        error: expect.stringMatching(
          /^version 1 of the model is lost: the model fails, on its warm-up input too/,
        ),
      },
    });
    expect((await infer(server, request)).status).toBe(503);
    expect(await grpc(server).inference("ServerReady")).toEqual({ ready: false });
  });
});

describe("overload", () => {
  test("is 429 with Retry-After, RESOURCE_EXHAUSTED in gRPC, and ends by itself", async () => {
    const server = await serving("slow", { maximumQueuedRequests: 2 });
    const client = grpc(server);
    const answers = await Promise.all(Array.from({ length: 12 }, () => infer(server, steps(10_000))));
    const codes = answers.map((answer) => answer.status);
    expect(new Set(codes)).toEqual(new Set([200, 429]));
    expect(codes.filter((code) => code === 200).length).toBeGreaterThanOrEqual(4);
    const refused = answers.find((answer) => answer.status === 429);
    expect(refused?.headers.get("retry-after")).toBe("1");
    expect(refused?.body).toEqual({ error: expect.stringContaining("the queue is full") });

    const contents = { int64Contents: ["10000"] };
    const inputs = [{ name: "steps", datatype: "INT64", shape: [], contents }];
    const calls = Array.from({ length: 12 }, () =>
      client.inference("ModelInfer", { modelName: "m", inputs }),
    );
    const failures = (await Promise.allSettled(calls)).filter((call) => call.status === "rejected");
    expect(failures.length).toBeGreaterThan(0);
    for (const { reason } of failures) {
      expect(reason).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    }
    expect((await infer(server, steps(1))).status).toBe(200);
  });

  test("by requests under way is refused before the body is read", async () => {
    const server = await serving("slow", { maximumConcurrentRequests: 1 });
    const busy = infer(server, steps(50_000));
    await pendingRequests(server, 1);
    expect(await infer(server, "not even JSON")).toMatchObject({ status: 429 });
    await expect(grpc(server).inference("ModelInfer", { modelName: "m" })).rejects.toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
    });
    // It is no inference, and counts as none.
    expect((await fetch(`${server.restUrl}/v2/repository/index`, { method: "POST" })).status).toBe(429);
    expect((await busy).status).toBe(200);
    expect(await (await fetch(server.metricsUrl)).text()).toContain(
      '\nnv_inference_request_failure{model="m",version="1",reason="REJECTED"} 2\n',
    );
  });
});

describe("draining", () => {
  test("is seen as not ready, serves on, finishes what is under way and takes no more", async () => {
    const clock = new HeldClock();
    const server = await serving(
      "slow",
      { drainDelayMilliseconds: 60_000, drainTimeoutMilliseconds: 90_000 },
      clock,
    );
    const client = grpc(server);
    await client.inference("ServerLive");
    const contents = { int64Contents: ["20000"] };
    const inputs = [{ name: "steps", datatype: "INT64", shape: [], contents }];
    const drained = server.server.drain();
    expect(await get(server, "/v2/health/ready")).toEqual({
      status: 503,
      body: { error: "the server is draining" },
    });
    expect((await get(server, "/v2/health/live")).status).toBe(200);
    const before = await infer(server, steps(1));
    expect(before.status).toBe(200);
    expect(before.headers.get("connection")).toBe("close");
    const underWay = [infer(server, steps(20_000)), infer(server, steps(20_000))];
    const callUnderWay = client.inference("ModelInfer", { modelName: "m", inputs });
    await pendingRequests(server, 3);
    clock.release(60_000);
    expect((await Promise.all(underWay)).map((answer) => answer.status)).toEqual([200, 200]);
    await callUnderWay;
    expect(await drained).toEqual({ cutOff: 0, modelStopped: true });
    await expect(infer(server, steps(1))).rejects.toThrow();
  });

  test("cuts off what does not end in time, and counts it", async () => {
    const clock = new HeldClock();
    const server = await serving("slow", { drainTimeoutMilliseconds: 90_000 }, clock);
    const outcome = infer(server, steps(200_000)).catch((error: unknown) => error);
    await pendingRequests(server, 1);
    const drained = server.server.drain();
    await clock.scheduled(90_000);
    clock.release(90_000);
    expect(await drained).toMatchObject({ cutOff: 1 });
    expect(await outcome).not.toMatchObject({ status: 200 });
  });

  test("does not wait for routers when no router ever saw it ready", async () => {
    const server = await startServer(tinyModelFile("mlp"), { drainDelayMilliseconds: 60_000 });
    cleanups.push(server.close);
    expect(await server.server.drain()).toEqual({ cutOff: 0, modelStopped: true });
  });
});

test("metrics count requests by protocol and class, and inferences by the names of Triton", async () => {
  const server = await serving("mlp");
  const client = grpc(server);
  await infer(server, MLP_REQUEST);
  await infer(server, {
    ...MLP_REQUEST,
    inputs: [{ name: "features", datatype: "FP32", shape: [3, 4], data: Array(12).fill(0) }],
  });
  await infer(server, "{");
  await client.inference("ModelInfer", { modelName: "x" }).catch(() => undefined);
  const text = await (await fetch(server.metricsUrl)).text();
  const lines = text.split("\n");
  expect(lines).toEqual(
    expect.arrayContaining([
      'petrel_serve_requests_total{protocol="rest",code="2xx"} 2',
      'petrel_serve_requests_total{protocol="rest",code="4xx"} 1',
      'petrel_serve_requests_total{protocol="grpc",code="4xx"} 1',
      'petrel_serve_request_duration_seconds_count{protocol="rest"} 3',
      "petrel_serve_queue_duration_seconds_count 2",
      "petrel_serve_queue_requests 0",
      "petrel_serve_ready 1",
      'nv_inference_request_success{model="m",version="1"} 2',
      'nv_inference_request_failure{model="m",version="1",reason="REJECTED"} 0',
      'nv_inference_request_failure{model="m",version="1",reason="BACKEND"} 0',
      'nv_inference_pending_request_count{model="m",version="1"} 0',
      'nv_inference_count{model="m",version="1"} 4',
      'nv_inference_exec_count{model="m",version="1"} 2',
    ]),
  );
  expect(text).toMatch(/^petrel_serve_model_load_seconds\{version="1"\} \d+\.\d+$/m);
  expect(text).toMatch(/^nv_inference_request_duration_us\{model="m",version="1"\} [1-9]/m);
  expect((await fetch(new URL("/other", server.metricsUrl))).status).toBe(404);
});

describe("liveness", () => {
  test("is answered on a port of its own, while loading and after, for its path alone", async () => {
    const server = await startServer(tinyModelFile("mlp"));
    cleanups.push(server.close);
    const response = await fetch(server.livenessUrl);
    expect([response.status, await response.json()]).toEqual([200, { live: true }]);
    expect((await fetch(new URL("/v2/health/ready", server.livenessUrl))).status).toBe(404);
  });
});

describe("versions", () => {
  /** A directory with the models of two versions, `gather` as 1 and `mlp` as 2. */
  async function versioned(overrides: Partial<ModelServerOptions>): Promise<TestServer> {
    const directory = mkdtempSync(join(tmpdir(), "petrel-versions-"));
    for (const [version, model] of [["1", "gather"] as const, ["2", "mlp"] as const]) {
      mkdirSync(join(directory, version));
      cpSync(tinyModelFile(model), join(directory, version, "model.onnx"));
    }
    const server = await startServerOn(directory, overrides);
    cleanups.push(server.close, () => rmSync(directory, { recursive: true }));
    await server.server.load();
    return server;
  }

  test("are the latest alone by default", async () => {
    const server = await versioned({});
    expect((await get(server, "/v2/models/m")).body).toMatchObject({ versions: ["2"] });
    expect((await get(server, "/v2/models/m/versions/1")).status).toBe(404);
    expect((await infer(server, MLP_REQUEST)).body).toMatchObject({ model_version: "2" });
  });

  test("are each counted for what was refused of them, the latest for what names none over gRPC", async () => {
    const server = await versioned({ versionPolicy: "All", maximumConcurrentRequests: 0 });
    const refused = await fetch(`${server.restUrl}/v2/models/m/versions/1/infer`, { method: "POST" });
    expect(refused.status).toBe(429);
    const call = grpc(server).inference("ModelInfer", { modelName: "m" });
    await expect(call).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    expect((await infer(server, MLP_REQUEST)).status).toBe(429);
    const text = await (await fetch(server.metricsUrl)).text();
    expect(text).toContain('\nnv_inference_request_failure{model="m",version="1",reason="REJECTED"} 1\n');
    expect(text).toContain('\nnv_inference_request_failure{model="m",version="2",reason="REJECTED"} 2\n');
  });

  test("are each answered by name, and by the latest without a name, over REST and gRPC", async () => {
    const server = await versioned({ versionPolicy: "All", modelRevision: "ranker-abc" });
    const client = grpc(server);
    expect((await get(server, "/v2/models/m/versions/1")).body).toMatchObject({
      versions: ["1", "2"],
      inputs: [{ name: "table" }, { name: "index" }],
    });
    expect((await get(server, "/v2/models/m")).body).toMatchObject({ inputs: [{ name: "features" }] });
    const table = { name: "table", datatype: "FP32", shape: [1, 3], data: [1, 2, 3] };
    const index = { name: "index", datatype: "INT64", shape: [1], data: [0] };
    const post = (version: string, body: unknown) =>
      fetch(`${server.restUrl}/v2/models/m/versions/${version}/infer`, {
        method: "POST",
        body: JSON.stringify(body),
      });
    const first = await post("1", { inputs: [table, index] });
    expect(await first.json()).toMatchObject({ model_name: "m", model_version: "1" });
    expect(first.headers.get("x-petrel-revision")).toBe("ranker-abc");
    expect(await (await post("2", MLP_REQUEST)).json()).toMatchObject({ model_version: "2" });
    expect((await infer(server, MLP_REQUEST)).body).toMatchObject({ model_version: "2" });
    expect((await post("3", MLP_REQUEST)).status).toBe(404);
    const contents = { fp32Contents: [1, 2, 3, 4] };
    const inputs = [{ name: "features", datatype: "FP32", shape: [1, 4], contents }];
    expect(await client.inference("ModelInfer", { modelName: "m", inputs })).toMatchObject({
      modelVersion: "2",
    });
    await expect(
      client.inference("ModelInfer", { modelName: "m", modelVersion: "1", inputs }),
    ).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    const response = await fetch(`${server.restUrl}/v2/repository/index`, { method: "POST" });
    expect(await response.json()).toEqual(
      ["1", "2"].map((version) => ({ name: "m", version, state: "READY", reason: "" })),
    );
    expect(await (await fetch(server.metricsUrl)).text()).toMatch(
      /^nv_inference_request_success\{model="m",version="1"\} 1$/m,
    );
  });
});

test("a model whose weights lie in a file beside it is served", async () => {
  const directory = mkdtempSync(join(tmpdir(), "petrel-external-"));
  cleanups.push(() => rmSync(directory, { recursive: true }));
  for (const name of ["external.onnx", "external.bin"]) {
    cpSync(join(import.meta.dirname, "testdata", name), join(directory, name));
  }
  const server = await startServerOn(directory);
  cleanups.push(server.close);
  await server.server.load();
  const inputs = [{ name: "value", datatype: "FP32", shape: [1, 2], data: [10, 20] }];
  expect((await infer(server, { inputs })).body).toMatchObject({ outputs: [{ data: [11, 22] }] });
});

describe("a request's own time", () => {
  test.each<[string, RequestInit["headers"], object]>([
    ["in the header of Envoy", { "x-envoy-expected-rq-timeout-ms": "50" }, {}],
    ["in the parameter of Triton, in microseconds", {}, { parameters: { timeout: 50_000 } }],
  ])("ends it with 504, %s", async (_where, headers, more) => {
    const server = await serving("slow");
    const answer = await infer(
      server,
      { ...steps(100_000), ...more },
      headers === undefined ? {} : { headers },
    );
    expect(answer).toMatchObject({
      status: 504,
      body: { error: expect.stringMatching(/^the model gave no answer/) },
    });
  });

  test("is no longer than the server's", async () => {
    const server = await serving("slow", { requestTimeoutMilliseconds: 50 });
    const headers = { "x-envoy-expected-rq-timeout-ms": "60000" };
    expect((await infer(server, steps(100_000), { headers })).status).toBe(504);
  });
});
