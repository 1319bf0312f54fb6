import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { type Clock, systemClock } from "../core/clock.ts";
import { encodeMessage } from "./grpc-messages.ts";
import { frame } from "./grpc-wire.ts";
import type { ModelServerOptions } from "./model-server.ts";
import { JumpingClock } from "./testdata/jumping-clock.ts";
import { infer } from "./testdata/rest-client.ts";
import { startReadyServer, type TestServer } from "./testdata/server.ts";

jest.setTimeout(120_000);

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) {
    await cleanup();
  }
});

async function serving(options: Partial<ModelServerOptions>, clock: Clock = systemClock) {
  const server = await startReadyServer("gather", { maximumRequestBytes: 8 * 2 ** 20, ...options }, clock);
  cleanups.push(server.close);
  return server;
}

const TABLE = { name: "table", datatype: "FP32", shape: [1, 3] };
const SMALL = {
  inputs: [
    { ...TABLE, data: [1, 2, 3] },
    { name: "index", datatype: "INT64", shape: [1], data: [0] },
  ],
};

/** Asks over REST for an answer of about ten megabytes, and reads nothing of it. */
function askOverRest(server: TestServer): void {
  const count = 200_000;
  const inputs = [
    { ...TABLE, data: [1 / 3, 1 / 3, 1 / 3] },
    { name: "index", datatype: "INT64", shape: [count], parameters: { binary_data_size: count * 8 } },
  ];
  const json = JSON.stringify({ inputs });
  const socket = connect(Number(new URL(server.restUrl).port), "127.0.0.1");
  cleanups.push(() => socket.destroy());
  socket.on("error", () => {});
  socket.pause();
  socket.write(
    [
      "POST /v2/models/m/infer HTTP/1.1",
      "Host: m",
      `Inference-Header-Content-Length: ${json.length}`,
      `Content-Length: ${json.length + count * 8}`,
      "",
      json,
    ].join("\r\n"),
  );
  socket.write(Buffer.alloc(count * 8));
}

/** A connection whose client gives no room for answers. */
function closedWindow(server: TestServer): ClientHttp2Session {
  const session = connectHttp2(`http://${server.grpcAddress}`, { settings: { initialWindowSize: 0 } });
  session.on("error", () => {});
  cleanups.push(() => session.destroy());
  return session;
}

/** Asks over gRPC for an answer of 12 bytes for each of `count` rows; resolves with the head of the answer. */
function askOverGrpc(session: ClientHttp2Session, count: number) {
  const stream = session.request({
    ":method": "POST",
    ":path": "/inference.GRPCInferenceService/ModelInfer",
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.on("error", () => {});
  const answered = new Promise((resolve, reject) => {
    stream.once("response", resolve);
    stream.once("close", () => reject(new Error(`the stream was closed with ${stream.rstCode}`)));
  });
  const inputs = [TABLE, { name: "index", datatype: "INT64", shape: [count] }];
  const rawInputContents = [Buffer.alloc(12), Buffer.alloc(8 * count)];
  stream.end(
    frame(encodeMessage("inference.ModelInferRequest", { modelName: "m", inputs, rawInputContents })),
  );
  return { stream, answered };
}

/** Asks again and again until the answer has that status. */
async function becomes(server: TestServer, status: number): Promise<void> {
  while ((await infer(server, SMALL)).status !== status) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Resolves when the server has computed an answer over REST, and begun to write it. */
async function computesOverRest(server: TestServer): Promise<void> {
  const computed = 'petrel_serve_requests_total{protocol="rest",code="2xx"} 1\n';
  while (!(await (await fetch(server.metricsUrl)).text()).includes(computed)) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe("an answer that its client does not take", () => {
  test("counts as under way over REST, and is cut off when nothing of it is taken for too long", async () => {
    const timeout = 10_000;
    const server = await serving({ maximumConcurrentRequests: 1, requestTimeoutMilliseconds: timeout });
    const before = performance.now();
    askOverRest(server);
    await computesOverRest(server);
    // It is not only under way until it is computed.
    expect((await infer(server, SMALL)).status).toBe(429);
    await becomes(server, 200);
    // A timer of Node may be some milliseconds early.
    expect(performance.now() - before).toBeGreaterThan(timeout - 100);
  });

  test("counts as under way over gRPC, and its call ends when nothing of it is taken for too long", async () => {
    const clock = new JumpingClock();
    const server = await serving({ maximumConcurrentRequests: 1, requestTimeoutMilliseconds: 60_000 }, clock);
    const session = closedWindow(server);
    const { stream, answered } = askOverGrpc(session, 1);
    expect(await answered).toMatchObject({ ":status": 200 });
    expect((await infer(server, SMALL)).status).toBe(429);
    const closed = new Promise((resolve) => stream.once("close", resolve));
    clock.jump(61_000);
    await closed;
    await becomes(server, 200);
    // The connection of the others lives on.
    expect(session.closed).toBe(false);
  });

  test("leaves room for other calls of the same connection", async () => {
    const session = closedWindow(await serving({}));
    for (let count = 0; count < 3; count++) {
      // 6 MB each, more than Node lets a connection hold by default.
      expect(await askOverGrpc(session, 500_000).answered).toMatchObject({ ":status": 200 });
    }
    expect(await askOverGrpc(session, 1).answered).toMatchObject({ ":status": 200 });
  });

  test("is cut off by a drain, which counts it", async () => {
    const server = await serving({ drainTimeoutMilliseconds: 500 });
    const { answered } = askOverGrpc(closedWindow(server), 1);
    await answered;
    expect(await server.server.drain()).toMatchObject({ cutOff: 1 });
  });
});
