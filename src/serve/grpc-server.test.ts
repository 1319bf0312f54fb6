import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { gzipSync } from "node:zlib";
import { status } from "@grpc/grpc-js";
import { afterAll, afterEach, describe, expect, jest, test } from "@jest/globals";
import { encodeMessage } from "./grpc-messages.ts";
import { frame } from "./grpc-wire.ts";
import { grpcClient } from "./testdata/grpc-client.ts";
import { get, infer, MLP_REQUEST } from "./testdata/rest-client.ts";
import {
  startReadyServer,
  startServer,
  type TestServer,
  type TinyModel,
  tinyModelFile,
} from "./testdata/server.ts";

// Nothing here is about time; a busy machine takes its own.
jest.setTimeout(300_000);

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
    for (const other of [{ name: "x" }, { name: "m", version: "9" }])
      expect(await client.inference("ModelReady", other)).toEqual({ ready: false });
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

/** What a call over bare HTTP/2 ended with. */
interface BareAnswer {
  readonly httpStatus: number;
  readonly grpcStatus: string | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
}

function session(server: TestServer): ClientHttp2Session {
  const opened = connect(`http://${server.grpcAddress}`);
  opened.on("error", () => {});
  cleanups.push(() => opened.destroy());
  return opened;
}

/** Begins a call; the test writes its body. */
function begin(
  opened: ClientHttp2Session,
  headers: Readonly<Record<string, string>> = {},
): ClientHttp2Stream {
  const stream = opened.request({
    ":method": "POST",
    ":path": "/inference.GRPCInferenceService/ModelInfer",
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  stream.on("error", () => {});
  return stream;
}

function answerOf(stream: ClientHttp2Stream): Promise<BareAnswer> {
  return new Promise((resolve) => {
    let headers: Record<string, unknown> = {};
    let trailers: Record<string, unknown> = {};
    const chunks: Buffer[] = [];
    stream.on("response", (received) => {
      headers = received;
    });
    stream.on("trailers", (received) => {
      trailers = received;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("close", () => {
      const grpcStatus = trailers["grpc-status"] ?? headers["grpc-status"];
      resolve({
        httpStatus: Number(headers[":status"]),
        grpcStatus: grpcStatus === undefined ? undefined : String(grpcStatus),
        headers,
        body: Buffer.concat(chunks),
      });
    });
  });
}

const MLP_MESSAGE = encodeMessage("inference.ModelInferRequest", {
  modelName: "m",
  inputs: [{ name: "features", datatype: "FP32", shape: [1, 4] }],
  rawInputContents: [Buffer.from(Float32Array.of(1, 2, 3, 4).buffer)],
});

describe("gRPC on the wire", () => {
  test("answers with a status behind the message, and names the revision", async () => {
    const server = await startReadyServer("mlp", { modelRevision: "ranker-abc" });
    cleanups.push(server.close);
    const stream = begin(session(server));
    const answer = answerOf(stream);
    stream.end(frame(MLP_MESSAGE));
    expect(await answer).toMatchObject({ httpStatus: 200, grpcStatus: "0" });
    expect((await answer).headers).toMatchObject({
      "content-type": "application/grpc",
      "x-petrel-revision": "ranker-abc",
    });
    expect((await answer).body.readUInt32BE(1)).toBe((await answer).body.length - 5);
  });

  test.each<[string, Record<string, string>, Buffer, string]>([
    ["a compressed message", { "grpc-encoding": "gzip" }, compressed(gzipSync(MLP_MESSAGE)), "0"],
    [
      "a compressed one beyond the bound",
      { "grpc-encoding": "gzip" },
      compressed(gzipSync(Buffer.alloc(4_000_000))),
      "8",
    ],
    ["another compression", { "grpc-encoding": "br" }, compressed(MLP_MESSAGE), "12"],
    ["no message", {}, Buffer.alloc(0), "3"],
    ["a message cut short", {}, frame(MLP_MESSAGE).subarray(0, 20), "3"],
    ["two messages", {}, Buffer.concat([frame(MLP_MESSAGE), frame(MLP_MESSAGE)]), "3"],
  ])("reads or refuses %s", async (_what, headers, body, expected) => {
    const stream = begin(session(await ready("mlp")), headers);
    const answer = answerOf(stream);
    stream.end(body);
    expect((await answer).grpcStatus).toBe(expected);
  });

  test.each(["application/json", "application/grpc-web", "application/grpc+json"])(
    "refuses %s, which is no gRPC of protobuf",
    async (contentType) => {
      const stream = begin(session(await ready("mlp")), { "content-type": contentType });
      stream.end(frame(MLP_MESSAGE));
      expect((await answerOf(stream)).httpStatus).toBe(415);
    },
  );

  test("reads no body without end of what is no gRPC", async () => {
    const stream = begin(session(await ready("mlp")), { "content-type": "application/json" });
    // Never ended: the server has to.
    stream.write("{");
    expect((await answerOf(stream)).httpStatus).toBe(415);
  });

  test("takes the content type with the name of its format", async () => {
    const stream = begin(session(await ready("mlp")), { "content-type": "application/grpc+proto" });
    const answer = answerOf(stream);
    stream.end(frame(MLP_MESSAGE));
    expect((await answer).grpcStatus).toBe("0");
  });

  test("refuses a time that is none", async () => {
    const stream = begin(session(await ready("mlp")), { "grpc-timeout": "5" });
    const answer = answerOf(stream);
    stream.end(frame(MLP_MESSAGE));
    expect((await answer).grpcStatus).toBe(String(status.INVALID_ARGUMENT));
  });

  test("gives up a message that does not come", async () => {
    const server = await startReadyServer("mlp", { requestTimeoutMilliseconds: 100 });
    cleanups.push(server.close);
    const stream = begin(session(server));
    stream.write(frame(MLP_MESSAGE).subarray(0, 10));
    expect((await answerOf(stream)).grpcStatus).toBe(String(status.DEADLINE_EXCEEDED));
    expect((await get(server, "/v2/health/ready")).status).toBe(200);
  });

  test.each<[string, Record<string, string>]>([
    ["of gRPC", { "grpc-timeout": "50m" }],
    ["of Envoy", { "x-envoy-expected-rq-timeout-ms": "50", "grpc-timeout": "1H" }],
  ])("ends a run at the client's own time in the header %s", async (_whose, headers) => {
    const server = await startReadyServer("slow");
    cleanups.push(server.close);
    const stream = begin(session(server), headers);
    const answer = answerOf(stream);
    const inputs = [{ name: "steps", datatype: "INT64", shape: [], contents: { int64Contents: ["100000"] } }];
    stream.end(frame(encodeMessage("inference.ModelInferRequest", { modelName: "m", inputs })));
    expect((await answer).grpcStatus).toBe(String(status.DEADLINE_EXCEEDED));
  });

  test("bounds the messages of all connections together, before they are whole", async () => {
    // 16 bodies of the largest size may be under way.
    const server = await startReadyServer("mlp", { maximumRequestBytes: 65_536 });
    cleanups.push(server.close);
    const streams = Array.from({ length: 24 }, () => begin(session(server)));
    const answers = streams.map(answerOf);
    for (const stream of streams) {
      // Half of a message, and then nothing.
      stream.write(frame(Buffer.alloc(100_000)).subarray(0, 60_000));
    }
    const refused = await Promise.race([
      Promise.all(answers).then(() => "all"),
      Promise.any(answers.map(async (answer) => (await answer).grpcStatus)),
    ]);
    expect(refused).toBe(String(status.RESOURCE_EXHAUSTED));
    for (const stream of streams) stream.close();
    // What was held is given back.
    await Promise.all(answers);
    const stream = begin(session(server));
    const answer = answerOf(stream);
    stream.end(frame(MLP_MESSAGE));
    expect((await answer).grpcStatus).toBe("0");
  });
});

function compressed(bytes: Buffer): Buffer {
  const framed = frame(bytes);
  framed[0] = 1;
  return framed;
}
