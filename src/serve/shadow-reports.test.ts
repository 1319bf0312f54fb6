/** What the collector is told of mirrored requests by a real model server, over both protocols. */

import { connect } from "node:http2";
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { type ShadowReceiver, shadowReceiver } from "../process/testdata/shadow-receiver.ts";
import { parseObserved } from "../tap/observed-settings.ts";
import { KeyRing } from "../token/key-ring.ts";
import { groupOf, userTag } from "../token/tags.ts";
import { encodeMessage } from "./grpc-messages.ts";
import { inferOnWire } from "./testdata/grpc-wire-call.ts";
import { infer } from "./testdata/rest-client.ts";
import { startReadyServer, type TestServer } from "./testdata/server.ts";

jest.setTimeout(60_000);

const SECRET = Buffer.alloc(32, 1).toString("base64");
const RING = KeyRing.parse(
  JSON.stringify({ users: SECRET, keys: [{ deployment: "uid-1", revision: "m-a", id: 1, secret: SECRET }] }),
);
const OBSERVED = parseObserved({ scores: { output: "score", probability: true }, maximumRows: 2 });
const MARKED = {
  "x-petrel-shadow": "Original",
  "x-petrel-arm": "Stable",
  "x-petrel-epoch": "9",
  "x-petrel-time": "1795000000",
  "x-petrel-user": "ann",
  "x-request-id": "00112233-4455-4677-8899-aabbccddeeff",
};
const COPY = { ...MARKED, "x-petrel-shadow": "Copy", "x-petrel-arm": "Mirror" };
const ROWS = Array.from({ length: 12 }, (_, index) => index / 4);
const TENSOR = { name: "features", datatype: "FP32", shape: [3, 4] };

let receiver: ShadowReceiver;
let server: TestServer;
beforeAll(async () => {
  receiver = await shadowReceiver(RING);
  server = await startReadyServer("mlp", {
    tokenIssuer: { deployment: "uid-1", revision: "m-a", pool: 0, modelDigest: "" },
    // No sidecar listens.
    tap: { socket: "/nonexistent/petrel-tap", observed: OBSERVED },
    shadowUrl: receiver.url,
  });
  server.server.useTokenKeys(RING);
});
afterAll(async () => {
  await server?.close();
  receiver?.close();
});
beforeEach(() => {
  receiver.reports.length = 0;
  receiver.status = 200;
});

interface Answered {
  readonly isGood: boolean;
  readonly token: string | null | undefined;
}

async function overRest(headers: Record<string, string>, data: readonly number[] = ROWS): Promise<Answered> {
  const answer = await infer(server, { inputs: [{ ...TENSOR, data }] }, { headers });
  return { isGood: answer.status === 200, token: answer.headers.get("x-petrel-token") };
}

async function overGrpc(headers: Record<string, string>, data: readonly number[] = ROWS): Promise<Answered> {
  const session = connect(`http://${server.grpcAddress}`);
  const inputs = [{ ...TENSOR, contents: { fp32Contents: data } }];
  const message = encodeMessage("inference.ModelInferRequest", { modelName: "m", inputs });
  const { head, status } = await inferOnWire(session, message, headers);
  session.destroy();
  return { isGood: status === "0", token: head["x-petrel-token"]?.toString() };
}

async function reported(count: number): Promise<void> {
  const until = performance.now() + 20_000;
  while (receiver.reports.length < count && performance.now() < until)
    await new Promise((resolve) => setTimeout(resolve, 20));
  expect(receiver.reports).toHaveLength(count);
}

describe.each([
  ["REST", overRest],
  ["gRPC", overGrpc],
])("over %s", (_protocol, ask) => {
  test("a request and its copy are told of alike, and the copy gets no token", async () => {
    const original = await ask(MARKED);
    const copy = await ask(COPY);
    expect(original.token).toEqual(expect.any(String));
    expect(copy).toMatchObject({ isGood: true });
    expect(copy.token ?? undefined).toBeUndefined();
    await reported(2);
    const [first, second] = receiver.reports;
    expect(first).toMatchObject({
      id: "0011223344554677",
      role: "Original",
      epoch: 9,
      group: groupOf(userTag("ann", RING.users)),
      status: 200,
      rows: 3,
      scores: [expect.any(Number), expect.any(Number)],
    });
    expect(second).toMatchObject({ ...first, role: "Copy", latencyMilliseconds: expect.any(Number) });
    expect(receiver.revisions).toEqual(new Set(["m-a"]));
  });

  test("one that fails is told of without scores", async () => {
    expect((await ask(COPY, ROWS.slice(1))).isGood).toBe(false);
    await reported(1);
    expect(receiver.reports[0]).toMatchObject({ role: "Copy", status: 400, rows: 0, scores: [] });
  });

  test.each([
    ["without a mark", { ...MARKED, "x-petrel-shadow": "" }],
    ["with an unknown mark", { ...MARKED, "x-petrel-shadow": "Else" }],
    ["of own traffic", { ...MARKED, "x-petrel-excluded": "1" }],
    ["without an id", { ...MARKED, "x-request-id": "7" }],
    ["without an epoch", { ...MARKED, "x-petrel-epoch": "" }],
  ])("nothing is told of one %s", async (_what, headers) => {
    expect((await ask(headers)).isGood).toBe(true);
    // The next one tells that there was time for it.
    await ask({ ...MARKED, "x-request-id": "ffffffff-4455-4677-8899-aabbccddeeff" });
    await reported(1);
    expect(receiver.reports[0]?.id).toBe("ffffffff44554677");
  });
});

test("what the collector does not take is dropped and counted, and no request waits for it", async () => {
  const metric = async (outcome: string) => {
    const text = await (await fetch(server.metricsUrl)).text();
    return Number(
      new RegExp(`petrel_serve_shadow_reports_total{outcome="${outcome}"} (\\d+)`).exec(text)?.[1],
    );
  };
  const before = await metric("dropped");
  receiver.status = 500;
  const start = performance.now();
  await Promise.all(Array.from({ length: 50 }, () => overRest(MARKED)));
  expect(performance.now() - start).toBeLessThan(10_000);
  while ((await metric("dropped")) < before + 50) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(receiver.reports).toEqual([]);
});
