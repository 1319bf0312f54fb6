import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { systemClock } from "../core/clock.ts";
import { CodecThread } from "./codec-thread.ts";
import { encodeMessage } from "./grpc-messages.ts";
import { infer } from "./testdata/rest-client.ts";
import { startReadyServer, type TestServer, type TinyModel } from "./testdata/server.ts";

// Nothing here is about time; a busy machine takes its own.
jest.setTimeout(300_000);

const cleanups: (() => unknown)[] = [];

afterEach(() => {
  jest.restoreAllMocks();
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) {
    await cleanup();
  }
});

async function serving(model: TinyModel): Promise<TestServer> {
  const server = await startReadyServer(model, { maximumRequestBytes: 2 ** 24 });
  cleanups.push(server.close);
  return server;
}

describe("a large JSON body", () => {
  test("keeps 64-bit integers exact", async () => {
    const server = await serving("gather");
    const table = { name: "table", datatype: "FP32", shape: [1, 3], data: [1, 2, 3] };
    const index = { name: "index", datatype: "INT64", shape: [100_000], data: Array(100_000).fill(0) };
    const body = JSON.stringify({ inputs: [table, index] }).replace("[0,0,", "[9007199254740993,0,");
    expect(body.length).toBeGreaterThan(200_000);
    expect(await infer(server, body)).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining("idx=9007199254740993") },
    });
  });

  test("that is malformed is refused by the element", async () => {
    const server = await serving("mlp");
    const data = [...Array<number>(100_000).fill(1), "x", 1, 1, 1];
    const inputs = [{ name: "features", datatype: "FP32", shape: [data.length / 4, 4], data }];
    expect((await infer(server, { inputs })).body).toEqual({
      error: 'input "features": expected FP32, got "x" at element 100000',
    });
  });

  test("comes back whole", async () => {
    const server = await serving("logarithm");
    const data = Array<number>(50_000).fill(1);
    const inputs = [{ name: "value", datatype: "FP32", shape: [data.length], data }];
    const { body } = await infer(server, { inputs });
    expect(body).toMatchObject({ outputs: [{ name: "log", shape: [50_000], data: Array(50_000).fill(0) }] });
  });
});

const WAITING = {
  arrivedMilliseconds: 0,
  deadlineMilliseconds: Number.POSITIVE_INFINITY,
  isGone: () => false,
};

describe("a body whose client does not wait any more", () => {
  const limits = {
    tensors: { maximumDimensions: 4, maximumElements: 1_000_000, maximumTexts: 1_000 },
    maximumHeapMebibytes: 256,
  };
  const message = encodeMessage("inference.ModelInferRequest", {
    inputs: [{ name: "x", datatype: "FP32", shape: [30_000] }],
    rawInputContents: [Buffer.alloc(120_000)],
  });

  test("is not read when its turn comes, and the next one is", async () => {
    const clock = new VirtualClock();
    const codec = new CodecThread(clock, limits);
    cleanups.push(() => codec.stop());
    let isGone = false;
    const posted = jest.spyOn(Worker.prototype, "postMessage");
    const answers = Promise.allSettled([
      codec.decodeGrpc(Buffer.from(message), WAITING),
      codec.decodeGrpc(Buffer.from(message), { ...WAITING, deadlineMilliseconds: 1_000 }),
      codec.decodeGrpc(Buffer.from(message), { ...WAITING, isGone: () => isGone }),
      codec.decodeGrpc(Buffer.from(message), WAITING),
    ]);
    isGone = true;
    await clock.advance(1_000);
    expect(await answers).toMatchObject([
      { status: "fulfilled" },
      { reason: { reason: "DeadlineExceeded" } },
      { reason: { reason: "RequestTimeout" } },
      { status: "fulfilled" },
    ]);
    expect(posted).toHaveBeenCalledTimes(2);
  });

  test("is refused when its time ended while it was read", async () => {
    const clock = new VirtualClock();
    const codec = new CodecThread(clock, limits);
    cleanups.push(() => codec.stop());
    const answer = Promise.allSettled([
      codec.decodeGrpc(Buffer.from(message), { ...WAITING, deadlineMilliseconds: 1_000 }),
    ]);
    await clock.advance(1_000);
    expect(await answer).toMatchObject([{ reason: { reason: "DeadlineExceeded" } }]);
  });
});

test("a part of a batch's output goes to the thread without the rest of the batch", async () => {
  const codec = new CodecThread(systemClock, {
    tensors: { maximumDimensions: 4, maximumElements: 1_000_000, maximumTexts: 1_000 },
    maximumHeapMebibytes: 256,
  });
  cleanups.push(() => codec.stop());
  const posted = jest.spyOn(Worker.prototype, "postMessage");
  const elements = new Float32Array(1_000_000).subarray(500_000, 510_000);
  const outputs = [{ name: "x", datatype: "FP32", shape: [10_000], elements }] as const;
  const response = { modelName: "m", modelVersion: "1", id: "", outputs };
  await codec.encodeGrpc(response, false, WAITING);
  await codec.encodeRest(response, { byName: new Map(), others: false }, WAITING);
  const bytes = posted.mock.calls.map(([task]) => task.response.outputs[0].elements.buffer.byteLength);
  expect(bytes).toEqual([40_000, 40_000]);
});

test("a body that takes too much memory fails alone: those behind it are read", async () => {
  const codec = new CodecThread(systemClock, {
    tensors: { maximumDimensions: 4, maximumElements: 1_000_000, maximumTexts: 4_000_000 },
    maximumHeapMebibytes: 20,
  });
  cleanups.push(() => codec.stop());
  const read = (datatype: string, count: number, contents: object) =>
    codec.decodeGrpc(
      encodeMessage("inference.ModelInferRequest", {
        inputs: [{ name: "x", datatype, shape: [count], contents }],
      }),
      WAITING,
    );
  const [large, small, last] = await Promise.allSettled([
    read("BYTES", 1_500_000, { bytesContents: Array(1_500_000).fill(Buffer.from("abc")) }),
    read("FP32", 30_000, { fp32Contents: Array(30_000).fill(1) }),
    read("FP32", 1, { fp32Contents: Array(30_000).fill(1) }),
  ]);
  expect(large).toMatchObject({ status: "rejected", reason: { reason: "TooLarge" } });
  expect(small).toMatchObject({ status: "fulfilled" });
  expect(last).toMatchObject({ status: "rejected", reason: { reason: "InvalidArgument" } });
});
