import { status } from "@grpc/grpc-js";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import type { ModelServerOptions } from "./model-server.ts";
import { grpcClient } from "./testdata/grpc-client.ts";
import { get, infer, MLP_REQUEST, steps } from "./testdata/rest-client.ts";
import {
  startReadyServer,
  startServer,
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
async function serving(model: TinyModel, overrides: Partial<ModelServerOptions> = {}): Promise<TestServer> {
  const server = await startReadyServer(model, overrides);
  cleanups.push(server.close);
  return server;
}

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
      body: { error: expect.stringMatching(/^the model is lost: the model fails, on its warm-up input too/) },
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
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await infer(server, "not even JSON")).toMatchObject({ status: 429 });
    expect((await busy).status).toBe(200);
  });
});

describe("draining", () => {
  test("is seen as not ready, serves on, finishes what is under way and takes no more", async () => {
    const server = await serving("slow", { drainDelayMilliseconds: 300 });
    const client = grpc(server);
    await client.inference("ServerLive");
    const contents = { int64Contents: ["100000"] };
    const inputs = [{ name: "steps", datatype: "INT64", shape: [], contents }];
    const drained = server.server.drain();
    expect(await get(server, "/v2/health/ready")).toEqual({
      status: 503,
      body: { error: "the server is draining" },
    });
    expect((await get(server, "/v2/health/live")).status).toBe(200);
    const underWay = [infer(server, steps(100_000)), infer(server, steps(100_000))];
    const callUnderWay = client.inference("ModelInfer", { modelName: "m", inputs });
    const answers = await Promise.all(underWay);
    expect(answers.map((answer) => answer.status)).toEqual([200, 200]);
    expect(answers[0]?.headers.get("connection")).toBe("close");
    await callUnderWay;
    expect(await drained).toEqual({ cutOff: 0, modelStopped: true });
    await expect(infer(server, steps(1))).rejects.toThrow();
  });

  test("cuts off what does not end in time, and counts it", async () => {
    const server = await serving("slow", { drainTimeoutMilliseconds: 100 });
    const outcome = infer(server, steps(200_000)).catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await server.server.drain()).toMatchObject({ cutOff: 1 });
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
      'nv_inference_request_failure{model="m",version="1"} 0',
      'nv_inference_count{model="m",version="1"} 4',
      'nv_inference_exec_count{model="m",version="1"} 2',
    ]),
  );
  expect(text).toMatch(/^petrel_serve_model_load_seconds 0\.\d+$/m);
  expect(text).toMatch(/^nv_inference_request_duration_us\{model="m",version="1"\} [1-9]/m);
  expect((await fetch(new URL("/other", server.metricsUrl))).status).toBe(404);
});
