import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import fc from "fast-check";
import { FUZZ_RUNS } from "../../test/properties/fuzz-runs.ts";
import { startReadyServer, type TestServer } from "./testdata/server.ts";

// Nothing here is about time; a busy machine takes its own.
jest.setTimeout(1_200_000);

let server: TestServer;

beforeAll(async () => {
  server = await startReadyServer("gather");
});

afterAll(() => server.close());

const TABLE = { name: "table", datatype: "FP32", shape: [2, 3], data: [1, 2, 3, 4, 5, 6] };
const INDEX = { name: "index", datatype: "INT64", shape: [2], data: [0, 1] };
const JSON_REQUEST = Buffer.from(
  JSON.stringify({ id: "1", inputs: [TABLE, INDEX], outputs: [{ name: "picked" }] }),
);
const BINARY_HEAD = Buffer.from(
  JSON.stringify({
    inputs: [
      { name: "table", datatype: "FP32", shape: [2, 3], parameters: { binary_data_size: 24 } },
      { name: "index", datatype: "INT64", shape: [2], parameters: { binary_data_size: 16 } },
    ],
    parameters: { binary_data_output: true },
  }),
);
const BINARY_REQUEST = Buffer.concat([BINARY_HEAD, Buffer.alloc(40)]);

async function statusOf(body: Buffer, jsonLength?: number): Promise<number> {
  const headers = jsonLength === undefined ? {} : { "inference-header-content-length": String(jsonLength) };
  const response = await fetch(`${server.restUrl}/v2/models/m/infer`, {
    method: "POST",
    body: Uint8Array.from(body),
    headers,
  });
  const answer = await response.arrayBuffer();
  if (response.status >= 400) {
    expect(JSON.parse(Buffer.from(answer).toString())).toEqual({ error: expect.any(String) });
  }
  return response.status;
}

/** Values that a JSON member is replaced by. */
const hostile = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(
    -1,
    0,
    1e308,
    2 ** 31,
    2 ** 53,
    [2 ** 31, 2 ** 31],
    [[[[]]]],
    "",
    "INT64",
    null,
    {},
    [],
  ),
);

/** Replaces, at random, members of a request by hostile values. */
function mutate(value: unknown, choose: () => boolean, replacement: () => unknown): unknown {
  if (choose()) {
    return replacement();
  }
  if (Array.isArray(value)) {
    return value.map((member) => mutate(member, choose, replacement));
  }
  return typeof value === "object" && value !== null
    ? Object.fromEntries(
        Object.entries(value).map(([key, member]) => [key, mutate(member, choose, replacement)]),
      )
    : value;
}

test("the requests that are mutated are valid", async () => {
  expect(await statusOf(JSON_REQUEST)).toBe(200);
  expect(await statusOf(BINARY_REQUEST, BINARY_HEAD.length)).toBe(200);
});

test("a request with members replaced is 2xx or 4xx", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.infiniteStream(fc.integer({ min: 0, max: 9 })),
      fc.infiniteStream(hostile),
      async (dice, values) => {
        const choose = () => dice.next().value === 0;
        const body = mutate(JSON.parse(JSON_REQUEST.toString()), choose, () => values.next().value);
        const status = await statusOf(Buffer.from(JSON.stringify(body) ?? ""));
        expect(Math.floor(status / 100)).not.toBe(5);
      },
    ),
    { numRuns: FUZZ_RUNS },
  );
});

test.each([
  ["JSON", JSON_REQUEST, undefined],
  ["binary", BINARY_REQUEST, BINARY_HEAD.length],
])("a %s request with bytes replaced is 2xx or 4xx", async (_what, request, jsonLength) => {
  const mutation = fc.tuple(fc.nat(request.length - 1), fc.nat(255));
  await fc.assert(
    fc.asyncProperty(
      fc.array(mutation, { minLength: 1, maxLength: 5 }),
      fc.integer({ min: -2, max: 2 }),
      async (mutations, shift) => {
        const body = Buffer.from(request);
        for (const [index, byte] of mutations) {
          body[index] = byte;
        }
        const status = await statusOf(body, jsonLength === undefined ? undefined : jsonLength + shift);
        expect(Math.floor(status / 100)).not.toBe(5);
      },
    ),
    { numRuns: FUZZ_RUNS },
  );
});

test("the server still answers", async () => {
  expect(await statusOf(JSON_REQUEST)).toBe(200);
  expect(server.lines.filter((line) => line.includes('"log.level":"error"'))).toEqual([]);
});
