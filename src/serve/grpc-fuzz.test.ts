import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import fc from "fast-check";
import { peakMemoryOf } from "../../test/fixtures/peak-memory.ts";
import { FUZZ_RUNS } from "../../test/properties/fuzz-runs.ts";
import { encodeMessage } from "./grpc-messages.ts";
import { type GrpcTestClient, grpcClient } from "./testdata/grpc-client.ts";
import { infer } from "./testdata/rest-client.ts";
import { startReadyServer, type TestServer } from "./testdata/server.ts";

// Nothing here is about time; a busy machine takes its own.
jest.setTimeout(1_200_000);

let server: TestServer;
let client: GrpcTestClient;

const MAXIMUM_BYTES = 16 * 2 ** 20;

beforeAll(async () => {
  server = await startReadyServer("gather", { maximumRequestBytes: MAXIMUM_BYTES });
  client = grpcClient(server.grpcAddress);
});

afterAll(async () => {
  client.close();
  await server.close();
});

const TABLE = { name: "table", datatype: "FP32", shape: [2, 3] };
const INDEX = { name: "index", datatype: "INT64", shape: [2] };
const TYPED = encodeMessage("inference.ModelInferRequest", {
  modelName: "m",
  id: "1",
  inputs: [
    { ...TABLE, contents: { fp32Contents: [1, 2, 3, 4, 5, 6] } },
    { ...INDEX, contents: { int64Contents: ["0", "1"] } },
  ],
  outputs: [{ name: "picked" }],
});
const RAW = encodeMessage("inference.ModelInferRequest", {
  modelName: "m",
  inputs: [TABLE, INDEX],
  rawInputContents: [Buffer.alloc(24), Buffer.alloc(16)],
});

/** Codes that say that the request was good, or that it was the client's fault. */
const ALLOWED: readonly number[] = [
  status.OK,
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.UNIMPLEMENTED,
];

async function codeOf(message: Buffer): Promise<number> {
  try {
    await client.call("/inference.GRPCInferenceService/ModelInfer", message);
    return status.OK;
  } catch (error) {
    return error instanceof Error && "code" in error ? Number(error.code) : Number.NaN;
  }
}

test("the messages that are mutated are valid", async () => {
  expect(await codeOf(TYPED)).toBe(status.OK);
  expect(await codeOf(RAW)).toBe(status.OK);
});

test.each([
  ["typed", TYPED],
  ["raw", RAW],
])(
  "a %s message with bytes replaced, cut or doubled is answered or refused as the client's fault",
  async (_what, message) => {
    const mutation = fc.tuple(fc.nat(message.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(
        fc.array(mutation, { minLength: 1, maxLength: 5 }),
        fc.option(fc.nat(message.length)),
        fc.boolean(),
        async (mutations, length, doubled) => {
          const bytes = Buffer.from(message);
          for (const [index, byte] of mutations) bytes[index] = byte;
          const cut = bytes.subarray(0, length ?? bytes.length);
          expect(ALLOWED).toContain(await codeOf(doubled ? Buffer.concat([cut, message]) : cut));
        },
      ),
      { numRuns: FUZZ_RUNS },
    );
  },
);

/** Puts bytes into a field with its length in front. */
function field(tag: number, bytes: Buffer): Buffer {
  const head = Buffer.alloc(5);
  for (const index of head.keys()) {
    head[index] = ((bytes.length >> (7 * index)) & 0x7f) | (index < 4 ? 0x80 : 0);
  }
  return Buffer.concat([Buffer.of(tag), head, bytes]);
}

/** The most that fits into a body of two bytes that are an empty element. */
function empty(tag: number): Buffer {
  return Buffer.alloc(MAXIMUM_BYTES - 64, Buffer.of(tag, 0));
}

describe("a message of the largest size that is nothing but", () => {
  test.each<[string, () => Buffer, status?]>([
    ["inputs", () => empty(0x2a)],
    ["outputs", () => empty(0x32)],
    ["raw_input_contents", () => empty(0x3a)],
    ["parameters", () => empty(0x22)],
    ["contents of one input", () => field(0x2a, empty(0x2a))],
    ["bytes_contents of one input", () => field(0x2a, field(0x2a, empty(0x42)))],
    ["bool_contents, alone", () => field(0x2a, field(0x2a, empty(0x08)))],
    ["fields that are not known", () => empty(0x7a), status.NOT_FOUND],
  ])("%s is refused soon, in little memory", async (_what, make, code = status.INVALID_ARGUMENT) => {
    const message = make();
    // CPU time, not the time of a busy machine.
    const before = process.cpuUsage();
    const { bytes } = await peakMemoryOf(async () => {
      const refused = codeOf(message);
      // Another client's request that needs the same thread.
      const data = Array<number>(30_000).fill(1);
      const inputs = [
        { name: "table", datatype: "FP32", shape: [10_000, 3], data },
        { name: "index", datatype: "INT64", shape: [1], data: [0] },
      ];
      expect((await infer(server, { inputs })).status).toBe(200);
      expect(await refused).toBe(code);
    });
    const { user, system } = process.cpuUsage(before);
    // An object for each of them would take gigabytes.
    expect((user + system) / 1e6).toBeLessThan(5);
    expect(bytes / 2 ** 20).toBeLessThan(256);
  });
});

test("the server still answers", async () => {
  expect(await codeOf(TYPED)).toBe(status.OK);
  expect(server.lines.filter((line) => line.includes('"log.level":"error"'))).toEqual([]);
});
