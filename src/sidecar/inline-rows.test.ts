/** Rows in the tokens of large requests before a foreign runtime, and answers without a token where they are not known. */
import { createServer } from "node:http";
import { brotliCompressSync } from "node:zlib";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { PETREL_HEADER } from "../render/envoy/route.ts";
import { encodeMessage } from "../serve/grpc-messages.ts";
import { readToken, tokenBytes } from "../token/prediction-token.ts";
import { beforeModelServer, cleanups, type Inline, inline, post, upstream } from "./testdata/inline.ts";
import { until } from "./testdata/observing.ts";
import { ASSIGNED, call, JSON_REQUEST, MESSAGE, newMint } from "./testdata/token-calls.ts";

jest.setTimeout(60_000);

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

describe("a request too large to be observed has a token where its beginning tells the rows:", () => {
  const rows = 80_000;
  const binary = Buffer.alloc(rows * 16);
  const tensor = { name: "features", datatype: "FP32", shape: [rows, 4] };

  test("REST in binary", async () => {
    const mint = newMint();
    const { rest, missed, observer } = await beforeModelServer(mint);
    const json = JSON.stringify({ inputs: [{ ...tensor, parameters: { binary_data_size: binary.length } }] });
    const answer = await post(rest, Buffer.concat([Buffer.from(json), binary]), {
      ...ASSIGNED,
      "inference-header-content-length": String(json.length),
    });
    expect(answer.status).toBe(200);
    await answer.arrayBuffer();
    const token = tokenBytes(answer.headers.get(PETREL_HEADER.token) ?? "") ?? Buffer.alloc(0);
    // A token has no more.
    expect(readToken(token).rows).toBe(65_535);
    await until(() => missed.length === 1);
    expect(missed).toEqual(["TooLarge"]);
    await until(() => observer.keptBytes === 0);
  });

  test.each([
    ["raw", { inputs: [tensor], rawInputContents: [binary] }],
    ["typed", { inputs: [{ ...tensor, contents: { fp32Contents: new Array(rows * 4).fill(1) } }] }],
  ])("gRPC with %s numbers", async (_form, fields) => {
    const { grpc, observer } = await beforeModelServer(newMint());
    const message = encodeMessage("inference.ModelInferRequest", { modelName: "m", ...fields });
    const { token = "", status } = await call(grpc, message, ASSIGNED);
    expect(status).toBe("0");
    expect(readToken(tokenBytes(token) ?? Buffer.alloc(0)).rows).toBe(65_535);
    await until(() => observer.keptBytes === 0);
  });
});

test.each([
  [
    "REST",
    async (proxies: Inline) =>
      (await post(proxies.rest, JSON_REQUEST, ASSIGNED)).headers.get(PETREL_HEADER.token),
  ],
  ["gRPC", async (proxies: Inline) => (await call(proxies.grpc, MESSAGE, ASSIGNED)).token],
])(
  "where all the room is taken by bodies that are kept whole, an answer over %s has its token",
  async (_protocol, ask) => {
    const proxies = await beforeModelServer(newMint());
    while (proxies.observer.reserve(1_024, "Whole")) {
      // Others take it.
    }
    const taken = proxies.observer.keptBytes;
    expect(readToken(tokenBytes((await ask(proxies)) ?? "") ?? Buffer.alloc(0)).rows).toBe(3);
    await until(() => proxies.missed.length === 1);
    expect(proxies.missed).toEqual(["TooMany"]);
    await until(() => proxies.observer.keptBytes === taken);
  },
);

describe("an answer whose rows are not known has no token, and is counted:", () => {
  const plainRuntime = () =>
    upstream(
      createServer((request, response) => {
        request.resume().on("end", () => response.end('{"outputs":[]}'));
      }),
    );

  test.each<[string, Buffer | string, Record<string, string>]>([
    ["of JSON larger than what is kept", JSON_REQUEST + " ".repeat(2 ** 21), {}],
    ["in an encoding that is not read", brotliCompressSync(JSON_REQUEST), { "content-encoding": "br" }],
    ["no request at all", "{}", {}],
  ])("%s", async (_what, body, headers) => {
    const mint = newMint();
    const { rest, observer } = await inline({ rest: await plainRuntime() }, { mint });
    const answer = await post(rest, body, { ...ASSIGNED, ...headers });
    expect([answer.status, answer.headers.get(PETREL_HEADER.token)]).toEqual([200, null]);
    expect(mint.outcomes).toMatchObject({ minted: 0, unread: 1 });
    await until(() => observer.keptBytes === 0);
  });

  test("one that is answered before it has come", async () => {
    const runtime = createServer((request, response) => {
      request.once("data", () => response.end('{"outputs":[]}'));
    });
    const mint = newMint();
    const { rest } = await inline({ rest: await upstream(runtime) }, { mint });
    const head = JSON_REQUEST.slice(0, 20);
    const answer = await fetch(`${rest}/v2/models/m/infer`, {
      method: "POST",
      headers: ASSIGNED,
      duplex: "half",
      body: new ReadableStream({
        start(controller) {
          controller.enqueue(Buffer.from(head));
          // The rest comes after the answer.
          setTimeout(() => {
            controller.enqueue(Buffer.from(JSON_REQUEST.slice(20)));
            controller.close();
          }, 500);
        },
      }),
    });
    expect([answer.status, answer.headers.get(PETREL_HEADER.token)]).toEqual([200, null]);
    expect(mint.outcomes).toMatchObject({ minted: 0, unread: 1 });
  });
});
