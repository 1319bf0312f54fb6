import { connect } from "node:http2";
import { status } from "@grpc/grpc-js";
import { afterAll, afterEach, describe, expect, jest, test } from "@jest/globals";
import { encodeMessage } from "./grpc-messages.ts";
import { grpcClient } from "./testdata/grpc-client.ts";
import { infer, MLP_REQUEST } from "./testdata/rest-client.ts";
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

const shared = new Map<TinyModel, Promise<TestServer>>();

afterAll(async () => {
  for (const server of shared.values()) {
    await (await server).close();
  }
});

/** A ready server that several tests use; none of them changes it. */
function ready(model: TinyModel): Promise<TestServer> {
  const known = shared.get(model);
  if (known !== undefined) {
    return known;
  }
  const started = startReadyServer(model);
  shared.set(model, started);
  return started;
}

function grpc(server: TestServer) {
  const client = grpcClient(server.grpcAddress);
  cleanups.push(client.close);
  return client;
}

describe("gRPC", () => {
  test("bounds the streams of one connection", async () => {
    const session = connect(`http://${(await ready("mlp")).grpcAddress}`);
    cleanups.push(() => session.close());
    const settings = await new Promise((resolve) => session.once("remoteSettings", resolve));
    expect(settings).toMatchObject({ maxConcurrentStreams: 64 });
  });

  test("tells the server's and the model's metadata and state", async () => {
    const client = grpc(await ready("mlp"));
    expect(await client.inference("ServerLive")).toEqual({ live: true });
    expect(await client.inference("ServerReady")).toEqual({ ready: true });
    expect(await client.inference("ModelReady", { name: "m", version: "1" })).toEqual({ ready: true });
    expect(await client.inference("ServerMetadata")).toEqual({
      name: "petrel",
      version: "0.0.0-test",
      extensions: ["binary_tensor_data"],
    });
    expect(await client.inference("ModelMetadata", { name: "m" })).toEqual({
      name: "m",
      versions: ["1"],
      platform: "onnx_onnxv1",
      inputs: [{ name: "features", datatype: "FP32", shape: [-1n, 4n] }],
      outputs: [{ name: "score", datatype: "FP32", shape: [-1n, 1n] }],
    });
  });

  test("infers the same as REST", async () => {
    const server = await ready("mlp");
    const contents = { fp32Contents: [1, 2, 3, 4] };
    const inputs = [{ name: "features", datatype: "FP32", shape: [1, 4], contents }];
    const answer = await grpc(server).inference("ModelInfer", { modelName: "m", id: "7", inputs });
    const rest = await infer(server, MLP_REQUEST);
    const data = /"data":\[(.*?)\]/.exec(JSON.stringify(rest.body))?.[1];
    expect(answer).toMatchObject({
      id: "7",
      modelVersion: "1",
      outputs: [
        { name: "score", datatype: "FP32", shape: [1n, 1n], contents: { fp32Contents: [Number(data)] } },
      ],
    });
  });

  test.each<[string, string, Record<string, unknown>, status]>([
    ["an unknown model", "ModelInfer", { modelName: "x" }, status.NOT_FOUND],
    ["an unknown version", "ModelMetadata", { name: "m", version: "9" }, status.NOT_FOUND],
    ["an unknown model's state", "ModelReady", { name: "x" }, status.NOT_FOUND],
    ["a missing input", "ModelInfer", { modelName: "m" }, status.INVALID_ARGUMENT],
    ["a method that is not there", "ModelStatistics", {}, status.UNIMPLEMENTED],
  ])("answers %s with its code", async (_what, method, fields, code) => {
    const client = grpc(await ready("mlp"));
    const request =
      method === "ModelStatistics" ? Buffer.alloc(0) : encodeMessage(`inference.${method}Request`, fields);
    const call = client.call(`/inference.GRPCInferenceService/${method}`, request);
    await expect(call).rejects.toMatchObject({ code });
  });

  test("answers bytes that are no message as the client's fault, and too many as exhaustion", async () => {
    const client = grpc(await ready("mlp"));
    const path = "/inference.GRPCInferenceService/ModelInfer";
    await expect(client.call(path, Buffer.of(0xff))).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    await expect(client.call(path, Buffer.alloc(2_000_000))).rejects.toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
    });
    expect(await client.inference("ServerLive")).toEqual({ live: true });
  });

  test("answers the standard health check", async () => {
    const server = await startServer(tinyModelFile("mlp"));
    cleanups.push(server.close);
    const client = grpc(server);
    const check = (service: string) =>
      client.call("/grpc.health.v1.Health/Check", encodeMessage("health.HealthCheckRequest", { service }));
    expect(await check("")).toEqual(Buffer.of(0x08, 2));
    await server.server.load();
    expect(await check("")).toEqual(Buffer.of(0x08, 1));
    expect(await check("inference.GRPCInferenceService")).toEqual(Buffer.of(0x08, 1));
    await expect(check("other")).rejects.toMatchObject({ code: status.NOT_FOUND });
  });
});
