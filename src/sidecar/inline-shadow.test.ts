/** What the collector is told of mirrored requests to a foreign runtime, by the sidecar that stands before it. */
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { systemClock } from "../core/clock.ts";
import { createLogger } from "../core/log.ts";
import { ShadowReporter } from "../process/shadow-reporter.ts";
import { type ShadowReceiver, shadowReceiver } from "../process/testdata/shadow-receiver.ts";
import { startReadyServer } from "../serve/testdata/server.ts";
import { cleanups, type Inline, inline, post } from "./testdata/inline.ts";
import { until } from "./testdata/observing.ts";
import { ASSIGNED, call, JSON_REQUEST, MESSAGE, newMint, ring } from "./testdata/token-calls.ts";

jest.setTimeout(60_000);

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const MARKED = {
  ...ASSIGNED,
  "x-petrel-shadow": "Copy",
  "x-petrel-arm": "Mirror",
  "x-request-id": "00112233-4455-4677-8899-aabbccddeeff",
};

async function reporting(): Promise<{ readonly proxies: Inline; readonly receiver: ShadowReceiver }> {
  const receiver = await shadowReceiver(ring);
  cleanups.push(receiver.close);
  const shadow = new ShadowReporter({
    issuer: { deployment: "uid-1", revision: "m-a" },
    url: receiver.url,
    clock: systemClock,
    log: createLogger({ write: () => {}, now: Date.now }),
  });
  shadow.useKeys(ring);
  const server = await startReadyServer("mlp");
  cleanups.push(server.close);
  const runtime = { rest: server.restUrl, grpc: `http://${server.grpcAddress}` };
  return { proxies: await inline(runtime, { mint: newMint(), shadow }), receiver };
}

async function overRest({ rest }: Inline, headers: Record<string, string>): Promise<string | undefined> {
  const answer = await post(rest, JSON_REQUEST, headers);
  await answer.arrayBuffer();
  return answer.headers.get("x-petrel-token") ?? undefined;
}

async function overGrpc({ grpc }: Inline, headers: Record<string, string>): Promise<string | undefined> {
  return (await call(grpc, MESSAGE, headers)).token;
}

describe.each([
  ["REST", overRest],
  ["gRPC", overGrpc],
])("over %s", (_protocol, ask) => {
  test("a copy is told of with its scores, and gets no token; others are not told of", async () => {
    const { proxies, receiver } = await reporting();
    expect(await ask(proxies, ASSIGNED)).toEqual(expect.any(String));
    expect(await ask(proxies, MARKED)).toBeUndefined();
    await until(() => receiver.reports.length > 0);
    expect(receiver.reports).toEqual([
      {
        id: "0011223344554677",
        role: "Copy",
        epoch: 7,
        group: expect.any(Number),
        status: 200,
        latencyMilliseconds: expect.any(Number),
        rows: 3,
        scores: [expect.any(Number), expect.any(Number), expect.any(Number)],
      },
    ]);
  });
});
