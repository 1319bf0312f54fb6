/** Tokens that the sidecar gives the answers of a foreign runtime: which answers have one, what it says, and what not. */
import { createServer } from "node:http";
import { createServer as createHttp2Server, type ServerHttp2Stream } from "node:http2";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { PETREL_HEADER } from "../render/envoy/route.ts";
import { encodeMessage } from "../serve/grpc-messages.ts";
import { frame } from "../serve/grpc-wire.ts";
import { KeyRing } from "../token/key-ring.ts";
import { ARM_CHECK, isSignedWith, readToken, tokenBytes } from "../token/prediction-token.ts";
import { nameTag, userTag } from "../token/tags.ts";
import {
  beforeModelServer,
  cleanups,
  type Inline,
  inline,
  portOf,
  post,
  upstream,
} from "./testdata/inline.ts";
import { until } from "./testdata/observing.ts";
import { ASSIGNED, call, JSON_REQUEST, MESSAGE, newMint, ring, SECRET } from "./testdata/token-calls.ts";

jest.setTimeout(60_000);

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function overRest({ rest }: Inline, headers: Record<string, string>): Promise<string | undefined> {
  const answer = await post(rest, JSON_REQUEST, headers);
  expect(answer.status).toBe(200);
  await answer.arrayBuffer();
  return answer.headers.get(PETREL_HEADER.token) ?? undefined;
}

async function overGrpc({ grpc }: Inline, headers: Record<string, string>): Promise<string | undefined> {
  const { token, status } = await call(grpc, MESSAGE, headers);
  expect(status).toBe("0");
  return token;
}

describe.each([
  ["REST", overRest],
  ["gRPC", overGrpc],
])("over %s", (_protocol, ask) => {
  test("a token says what the router said, and is signed for the revision", async () => {
    const proxies = await beforeModelServer(newMint());
    const split = { [PETREL_HEADER.split]: "-" };
    const text = (await ask(proxies, { ...ASSIGNED, ...split, [PETREL_HEADER.user]: "ann" })) ?? "";
    const bytes = tokenBytes(text) ?? Buffer.alloc(0);
    const token = readToken(bytes);
    expect(token).toMatchObject({
      arm: 1,
      keyId: 1,
      seconds: 1_795_000_000,
      deployment: nameTag("uid-1"),
      revision: nameTag("m-a"),
      pool: 2,
      model: 0xabababab,
      epoch: 7,
      rows: 3,
      armCheck: ARM_CHECK.unchecked,
    });
    expect(Buffer.from(token.userTag)).toEqual(Buffer.from(userTag("ann", ring.users)));
    expect(isSignedWith(bytes, ring.verifyingKey(token) ?? ring.users)).toBe(true);
    await until(() => proxies.events.length === 1);
    expect(proxies.events[0]).toMatchObject({ arm: 1, epoch: 7, rows: 3, status: 200 });
    expect(proxies.observer.keptBytes).toBe(0);
  });

  test.each([
    ["that no router has sent", {}, "unassigned"],
    ["that is not to be counted", { ...ASSIGNED, [PETREL_HEADER.excluded]: "1" }, "excluded"],
  ])("a request %s is answered without a token", async (_what, headers, outcome) => {
    const mint = newMint();
    expect(await ask(await beforeModelServer(mint), headers)).toBeUndefined();
    expect(mint.outcomes).toMatchObject({ minted: 0, [outcome]: 1 });
  });

  test("without a key there are answers, and no tokens", async () => {
    const mint = newMint();
    mint.useKeys(KeyRing.parse(JSON.stringify({ users: SECRET, keys: [] })));
    expect(await ask(await beforeModelServer(mint), ASSIGNED)).toBeUndefined();
    expect(mint.outcomes).toMatchObject({ minted: 0, no_key: 1 });
  });

  test("where tokens fail, the answer comes without one", async () => {
    const mint = newMint();
    Object.assign(mint, {
      mint() {
        throw new Error("out of order");
      },
    });
    const failures: unknown[] = [];
    expect(await ask(await beforeModelServer(mint, failures), ASSIGNED)).toBeUndefined();
    expect(failures).toEqual([new Error("out of order")]);
  });
});

test("the answer is the runtime's to the byte, with a token and without", async () => {
  const proxies = await beforeModelServer(newMint());
  const bodies = await Promise.all(
    [proxies.runtime.rest, proxies.rest].map(async (url) =>
      Buffer.from(await (await post(url, JSON_REQUEST, ASSIGNED)).arrayBuffer()),
    ),
  );
  expect(bodies[1]).toEqual(bodies[0]);
  const answers = await Promise.all(
    [proxies.runtime.grpc, proxies.grpc].map((address) => call(address, MESSAGE, ASSIGNED)),
  );
  expect(answers.map(({ token }) => token !== undefined)).toEqual([false, true]);
  expect(answers[1]?.body).toEqual(answers[0]?.body);
});

test("a failed request has no token", async () => {
  const mint = newMint();
  const { rest, grpc } = await beforeModelServer(mint);
  const answer = await post(rest, "{", ASSIGNED);
  expect([answer.status, answer.headers.get(PETREL_HEADER.token)]).toEqual([400, null]);
  const other = encodeMessage("inference.ModelInferRequest", { modelName: "other" });
  expect(await call(grpc, other, ASSIGNED)).toMatchObject({ status: "5", token: undefined });
  expect(mint.outcomes).toMatchObject({ minted: 0, unread: 0 });
});

/** A runtime over gRPC that sends its head at once, and then what it is told to. */
async function runtimeOverGrpc(finish: (stream: ServerHttp2Stream) => void): Promise<string> {
  const runtime = createHttp2Server();
  runtime.on("stream", (stream) => {
    stream.on("error", () => {});
    stream.resume().on("end", () => {
      const head = { "content-type": "application/grpc", [PETREL_HEADER.token]: "a-forged-one" };
      stream.respond({ ":status": 200, ...head }, { waitForTrailers: true });
      setTimeout(() => finish(stream), 20);
    });
  });
  await new Promise<void>((resolve) => runtime.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => runtime.close());
  return `http://127.0.0.1:${portOf(runtime)}`;
}

test("a call that fails behind its head has no token, and the runtime's status", async () => {
  const url = await runtimeOverGrpc((stream) => {
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "13", "grpc-message": "broken" }));
    stream.end();
  });
  const mint = newMint();
  const { grpc, events } = await inline({ grpc: url }, { mint });
  expect(await call(grpc, MESSAGE, ASSIGNED)).toMatchObject({ token: undefined, status: "13" });
  expect(mint.outcomes.minted).toBe(0);
  await until(() => events.length === 1);
  expect(events[0]?.status).toBe(500);
});

test("a call that is reset behind its head is UNAVAILABLE, so that routers try elsewhere", async () => {
  const url = await runtimeOverGrpc((stream) => stream.close(2));
  const { grpc } = await inline({ grpc: url }, { mint: newMint() });
  expect(await call(grpc, MESSAGE, ASSIGNED)).toMatchObject({ token: undefined, status: "14" });
});

test("a token that the runtime gives itself is not believed, and passes only where there are no others", async () => {
  const own = await runtimeOverGrpc((stream) => {
    const trailers = { "grpc-status": "0", [PETREL_HEADER.token]: "a-forged-one" };
    stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    stream.end(frame(encodeMessage("inference.ModelInferResponse", { modelName: "m" })));
  });
  const rest = await upstream(
    createServer((request, response) => {
      request.resume().on("end", () => {
        response.writeHead(200, { "X-Petrel-Token": "a-forged-one" }).end('{"outputs":[]}');
      });
    }),
  );
  for (const [mint, expected] of [
    [newMint(), undefined],
    [undefined, "a-forged-one"],
  ] as const) {
    const proxies = await inline({ rest, grpc: own }, mint === undefined ? {} : { mint });
    for (const method of ["ModelInfer", "ModelStreamInfer"]) {
      const path = { ":path": `/inference.GRPCInferenceService/${method}` };
      const answer = await call(proxies.grpc, MESSAGE, path);
      expect(answer).toMatchObject({ token: expected, trailingToken: expected, status: "0" });
    }
    expect(await overRest(proxies, {})).toBe(expected);
    if (mint === undefined) continue;
    const text = (await call(proxies.grpc, MESSAGE, ASSIGNED)).token ?? "";
    expect(readToken(tokenBytes(text) ?? Buffer.alloc(0))).toMatchObject({ rows: 3, epoch: 7 });
  }
});
