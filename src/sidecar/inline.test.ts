/** The sidecar before another program: Petrel's own model server as the foreign runtime, whose answers are the client's. */
import { createServer, request as httpRequest } from "node:http";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { afterEach, expect, jest, test } from "@jest/globals";
import { grpcClient } from "../serve/testdata/grpc-client.ts";
import { MLP_REQUEST } from "../serve/testdata/rest-client.ts";
import { beforeModelServer, cleanups, inline, post, upstream } from "./testdata/inline.ts";
import { until } from "./testdata/observing.ts";

jest.setTimeout(60_000);

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

test("REST in JSON: the answer is the runtime's, and inputs, outputs, headers and times are observed", async () => {
  const { rest, events, observer } = await beforeModelServer();
  const answer = await post(rest, JSON.stringify(MLP_REQUEST), {
    "x-petrel-arm": "Candidate",
    "x-petrel-epoch": "3",
    "x-user-id": "ann",
  });
  const body: unknown = await answer.json();
  expect(answer.status).toBe(200);
  await until(() => events.length === 1);
  const [event] = events;
  expect(event).toMatchObject({ arm: 1, epoch: 3, hasUser: true, status: 200, rows: 1 });
  expect(event?.values[1]).toBe(3);
  const score = event?.values[0] ?? Number.NaN;
  expect(body).toMatchObject({ id: "7", outputs: [{ name: "score", data: [score] }] });
  expect(event?.latencyMilliseconds).toBeGreaterThan(0);
  expect(observer.keptBytes).toBe(0);
});

test("REST in binary", async () => {
  const { rest, events } = await beforeModelServer();
  const json = JSON.stringify({
    inputs: [{ name: "features", datatype: "FP32", shape: [2, 4], parameters: { binary_data_size: 32 } }],
    parameters: { binary_data_output: true },
  });
  const features = Buffer.from(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8).buffer);
  const answer = await post(rest, Buffer.concat([Buffer.from(json), features]), {
    "inference-header-content-length": String(json.length),
  });
  const bytes = Buffer.from(await answer.arrayBuffer());
  const scores = bytes.subarray(Number(answer.headers.get("inference-header-content-length")));
  await until(() => events.length === 1);
  expect([...(events[0]?.values ?? [])]).toEqual([scores.readFloatLE(0), 3, scores.readFloatLE(4), 7]);
});

test("gRPC: message, status and trailers are the runtime's, and it is observed", async () => {
  const { grpc, events, observer } = await beforeModelServer();
  const client = grpcClient(grpc);
  cleanups.push(client.close);
  const request = {
    modelName: "m",
    inputs: [{ name: "features", datatype: "FP32", shape: [1, 4] }],
    rawInputContents: [Buffer.from(Float32Array.of(1, 2, 3, 4).buffer)],
  };
  const answer = await client.inference("ModelInfer", request);
  const raw: unknown = answer["rawOutputContents"];
  const [score] = Array.isArray(raw) ? raw : [];
  await until(() => events.length === 1);
  expect([...(events[0]?.values ?? [])]).toEqual([Buffer.from(score).readFloatLE(0), 3]);
  expect(await client.inference("ServerReady")).toEqual({ ready: true });
  await expect(client.inference("ModelInfer", { modelName: "other" })).rejects.toMatchObject({ code: 5 });
  await until(() => events.length === 2);
  expect(events[1]).toMatchObject({ status: 404, describedRows: 0 });
  expect(observer.keptBytes).toBe(0);
});

test("many calls at once over one connection", async () => {
  const { grpc, events } = await beforeModelServer();
  const client = grpcClient(grpc);
  cleanups.push(client.close);
  const call = (index: number) =>
    client.inference("ModelInfer", {
      modelName: "m",
      id: String(index),
      inputs: [
        { name: "features", datatype: "FP32", shape: [1, 4], contents: { fp32Contents: [1, 2, 3, index] } },
      ],
    });
  const answers = await Promise.all(Array.from({ length: 60 }, (_, index) => call(index)));
  expect(answers.map(({ id }) => id)).toEqual(Array.from({ length: 60 }, (_, index) => String(index)));
  await until(() => events.length === 60);
});

test("other requests pass, errors as they are, and are not observed", async () => {
  const { rest, events } = await beforeModelServer();
  expect(await (await fetch(`${rest}/v2/health/ready`)).json()).toEqual({ ready: true });
  const answer = await fetch(`${rest}/v2/models/other`);
  expect([answer.status, await answer.json()]).toEqual([
    404,
    expect.objectContaining({ error: expect.any(String) }),
  ]);
  await post(rest, "{");
  await until(() => events.length === 1);
  expect(events[0]).toMatchObject({ status: 400, describedRows: 0 });
});

test("a body that is too large to be kept passes whole, and is counted", async () => {
  const { rest, events, missed, observer } = await beforeModelServer();
  const rows = 100_000;
  const json = JSON.stringify({
    inputs: [
      { name: "features", datatype: "FP32", shape: [rows, 4], parameters: { binary_data_size: rows * 16 } },
    ],
  });
  const answer = await post(rest, Buffer.concat([Buffer.from(json), Buffer.alloc(rows * 16)]), {
    "inference-header-content-length": String(json.length),
  });
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({ outputs: [{ shape: [rows, 1] }] });
  await until(() => events.length === 1);
  expect(missed).toEqual(["TooLarge"]);
  expect(events[0]).toMatchObject({ status: 200, describedRows: 0 });
  expect(observer.keptBytes).toBe(0);
});

test.each([
  ["gzip", gzipSync, undefined],
  ["deflate", deflateSync, undefined],
  ["br", brotliCompressSync, "Encoded"],
])(
  "bodies in %s pass as they are, and are observed where they can be",
  async (encoding, compress, problem) => {
    const score = { name: "score", datatype: "FP32", shape: [1], data: [0.75] };
    const url = await upstream(
      createServer((request, response) => {
        request.resume();
        response.writeHead(200, { "content-encoding": encoding });
        response.end(compress(JSON.stringify({ outputs: [score] })));
      }),
    );
    const { rest, events, missed } = await inline({ rest: url });
    const answer = await post(rest, compress(JSON.stringify(MLP_REQUEST)), { "content-encoding": encoding });
    expect(await answer.json()).toEqual({ outputs: [score] });
    await until(() => events.length === 1);
    expect(missed).toEqual(problem === undefined ? [] : [problem]);
    expect([...(events[0]?.values ?? [])]).toEqual(problem === undefined ? [0.75, 3] : []);
  },
);

test("what is small only while it is compressed is not read", async () => {
  const url = await upstream(
    createServer((request, response) => {
      request.resume();
      response.writeHead(200, { "content-encoding": "gzip" });
      response.end(gzipSync(Buffer.alloc(100 * 2 ** 20, 32)));
    }),
  );
  const { rest, missed } = await inline({ rest: url });
  const answer = await post(rest, JSON.stringify(MLP_REQUEST));
  expect((await answer.arrayBuffer()).byteLength).toBe(100 * 2 ** 20);
  await until(() => missed.length === 1);
  expect(missed).toEqual(["TooLarge"]);
});

test("headers of one connection end here, all others pass both ways", async () => {
  const seen: string[] = [];
  const url = await upstream(
    createServer((request, response) => {
      seen.push(...Object.keys(request.headers));
      response.writeHead(200, { "x-mine": ["1", "2"], connection: "keep-alive, x-hop", "x-hop": "a" });
      request.resume().on("end", () => response.end("ok"));
    }),
  );
  const { rest } = await inline({ rest: url });
  const answer = await new Promise<NodeJS.Dict<string | string[]>>((resolve) => {
    httpRequest(
      `${rest}/anything?x=1`,
      { headers: { connection: "x-secret", "x-secret": "1", "x-other": "2" } },
      (response) => {
        response.resume();
        resolve(response.headers);
      },
    ).end();
  });
  expect(seen).toContain("x-other");
  expect(seen).not.toContain("x-secret");
  expect(answer["x-mine"]).toBe("1, 2");
  expect(answer["x-hop"]).toBeUndefined();
});
