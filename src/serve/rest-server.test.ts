import { connect } from "node:net";
import { afterAll, afterEach, describe, expect, jest, test } from "@jest/globals";
import type { ModelServerOptions } from "./model-server.ts";
import { get, infer, MLP_REQUEST } from "./testdata/rest-client.ts";
import { startReadyServer, type TestServer, type TinyModel } from "./testdata/server.ts";

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

/** A ready server of one test alone. */
async function serving(model: TinyModel, overrides: Partial<ModelServerOptions> = {}): Promise<TestServer> {
  const server = await startReadyServer(model, overrides);
  cleanups.push(server.close);
  return server;
}

describe("REST", () => {
  test.each<[string, string, number, unknown]>([
    ["GET", "/v2", 200, { name: "petrel", version: "0.0.0-test", extensions: ["binary_tensor_data"] }],
    ["GET", "/v2/health/live", 200, { live: true }],
    ["GET", "/v2/health/ready", 200, { ready: true }],
    ["GET", "/v2/models/m/ready", 200, { name: "m", ready: true }],
    ["GET", "/v2/models/m/versions/1/ready", 200, { name: "m", ready: true }],
    [
      "GET",
      "/v2/models/m/versions/2/ready",
      404,
      { error: "Request for unknown model: 'm' version '2' is not found" },
    ],
    ["GET", "/v2/models/x", 404, { error: "Request for unknown model: 'x' is not found" }],
    ["POST", "/v2/models/x/infer", 404, { error: "Request for unknown model: 'x' is not found" }],
    ["GET", "/nothing", 404, { error: 'unknown path "/nothing"' }],
    ["POST", "/v2/health/ready", 405, { error: 'expected method GET, got "POST"' }],
    ["POST", "/v2/repository/index", 200, [{ name: "m", version: "1", state: "READY", reason: "" }]],
    ["POST", "/v2/repository/models/m/load", 501, { error: expect.any(String) }],
    ["POST", "/v2/repository/models/m/unload", 501, { error: expect.any(String) }],
    [
      "GET",
      "/v2/models/m",
      200,
      {
        name: "m",
        versions: ["1"],
        platform: "onnx_onnxv1",
        inputs: [{ name: "features", datatype: "FP32", shape: [-1, 4] }],
        outputs: [{ name: "score", datatype: "FP32", shape: [-1, 1] }],
      },
    ],
  ])("%s %s answers %i", async (method, path, expectedStatus, body) => {
    const server = await ready("mlp");
    const response = await fetch(`${server.restUrl}${path}`, { method });
    expect(response.status).toBe(expectedStatus);
    expect(await response.json()).toEqual(body);
  });

  test("infers, with or without a content type, and echoes the id", async () => {
    const server = await ready("mlp");
    const answer = await infer(server, MLP_REQUEST);
    expect(answer.body).toEqual({
      id: "7",
      model_name: "m",
      model_version: "1",
      outputs: [{ name: "score", datatype: "FP32", shape: [1, 1], data: [expect.any(Number)] }],
    });
    const bare = await infer(server, MLP_REQUEST, { headers: { "content-type": "" } });
    expect(bare.body).toEqual(answer.body);
  });

  test("keeps 64-bit integers exact through the model", async () => {
    const server = await ready("slow");
    const text =
      '{"inputs":[{"name":"steps","datatype":"INT64","shape":[],"data":[9007199254740993]}],"outputs":[{"name":"none"}]}';
    expect((await infer(server, text)).body).toEqual({
      error: 'unknown output "none": the model gives "sum"',
    });
    const gather = await ready("gather");
    const table = { name: "table", datatype: "FP32", shape: [1, 3], data: [1, 2, 3] };
    const index = (value: string) => `{"name":"index","datatype":"INT64","shape":[1],"data":[${value}]}`;
    const answer = await infer(gather, `{"inputs":[${JSON.stringify(table)},${index("9007199254740993")}]}`);
    expect(answer).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining("idx=9007199254740993") },
    });
  });

  test("refuses a NaN in a JSON answer and gives it in binary", async () => {
    const server = await ready("logarithm");
    const inputs = [{ name: "value", datatype: "FP32", shape: [1], data: [-1] }];
    expect(await infer(server, { inputs })).toMatchObject({
      status: 400,
      body: {
        error:
          'output "log" has NaN at element 0, which JSON cannot carry: ask for it with "binary_data": true',
      },
    });
    const response = await fetch(`${server.restUrl}/v2/models/m/infer`, {
      method: "POST",
      body: JSON.stringify({ inputs, parameters: { binary_data_output: true } }),
    });
    expect(response.status).toBe(200);
    const jsonLength = Number(response.headers.get("inference-header-content-length"));
    const bytes = Buffer.from(await response.arrayBuffer());
    expect(bytes.readFloatLE(jsonLength)).toBeNaN();
  });

  test.each<[string, RequestInit, number]>([
    ["a declared length beyond the bound", { body: "x".repeat(1_048_577) }, 413],
    ["gzip", { body: "x", headers: { "content-encoding": "gzip" } }, 415],
    ["malformed JSON", { body: "{" }, 400],
    ["a GET", { method: "GET" }, 405],
  ])("refuses %s", async (_what, init, expectedStatus) => {
    const server = await ready("mlp");
    const response = await fetch(`${server.restUrl}/v2/models/m/infer`, { method: "POST", ...init });
    expect(response.status).toBe(expectedStatus);
    expect(await response.json()).toEqual({ error: expect.any(String) });
  });

  test.each<[string, string, number]>([
    ["no HTTP", "hello\r\n\r\n", 400],
    ["huge headers", `GET /v2 HTTP/1.1\r\nhost: a\r\nx: ${"x".repeat(20_000)}\r\n\r\n`, 431],
    [
      "two lengths",
      "POST /v2/models/m/infer HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
      400,
    ],
    [
      "a chunked body beyond the bound",
      `POST /v2/models/m/infer HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n${`10000\r\n${"x".repeat(65_536)}\r\n`.repeat(17)}0\r\n\r\n`,
      413,
    ],
    [
      "a declared length that is waited for",
      "POST /v2/models/m/infer HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 9999999\r\n\r\n",
      413,
    ],
    [
      "a body that never ends",
      "POST /v2/models/m/infer HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nx",
      408,
    ],
  ])("answers %s with an error and closes", async (_what, text, expectedStatus) => {
    const server = await serving("mlp", { requestTimeoutMilliseconds: 1_500 });
    const answer = await raw(server, text);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${expectedStatus} `));
    expect(answer).toMatch(/\r\n\r\n\{"error":"[^"]/);
    expect((await get(server, "/v2/health/live")).status).toBe(200);
  });

  test("keeps an idle connection longer than its clients do", async () => {
    const { headers } = await fetch(`${(await ready("mlp")).restUrl}/v2/health/live`);
    expect(headers.get("keep-alive")).toBe("timeout=75");
  });

  test("asks for a body that waits for 100 Continue", async () => {
    const server = await ready("mlp");
    const body = JSON.stringify(MLP_REQUEST);
    const head = `POST /v2/models/m/infer HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n`;
    expect(await raw(server, head, body)).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK/);
  });
});

/** Sends bytes, more of them after the first answer, and gives all that comes until the server closes. */
function raw(server: TestServer, text: string, afterFirstAnswer = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(Number(new URL(server.restUrl).port), "127.0.0.1");
    socket.on("data", (bytes) => {
      if (answer === "" && afterFirstAnswer !== "") {
        socket.write(afterFirstAnswer);
      }
      answer += bytes.toString();
    });
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
    socket.write(text);
  });
}
