/**
 * From a prediction to evidence through the real Envoy: a model server mints tokens, Envoy logs them, the router hands
 * the log to a collector, and clients post labels on the port of the model.
 *
 * @jest-environment <rootDir>/test/native-arrays-environment.mjs
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request, type Server } from "node:http";
import { connect } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { feedbackServer, internalServer } from "../../src/collect/collect-server.ts";
import type { Collector } from "../../src/collect/collector.ts";
import { parseSettings } from "../../src/collect/settings.ts";
import { openCollector } from "../../src/collect/testdata/collecting.ts";
import { systemClock } from "../../src/core/clock.ts";
import { createLogger } from "../../src/core/log.ts";
import { close, listen } from "../../src/process/bounded-http-server.ts";
import { collectorClient } from "../../src/router/collector-client.ts";
import { loggingEnvoy } from "../../src/router/envoy-administration.ts";
import { ImpressionShipper } from "../../src/router/impression-shipper.ts";
import { LogDirectory } from "../../src/router/log-directory.ts";
import { MLP_REQUEST } from "../../src/serve/testdata/rest-client.ts";
import { startReadyServer, type TestServer } from "../../src/serve/testdata/server.ts";
import { readServedMinutes, type ServedMinute } from "../../src/stats/served-minutes.ts";
import { KeyRing, revisionSecret } from "../../src/token/key-ring.ts";
import { ARM_CHECK, readToken, readTokenHead, tokenBytes } from "../../src/token/prediction-token.ts";
import { nameTag, userTag } from "../../src/token/tags.ts";
import { ControlledEnvoy, newPlan, stableArm } from "./router-envoy/controlled-envoy.ts";
import { freePort } from "./router-envoy/envoy-process.ts";
import { endpoint } from "./router-envoy/model-world.ts";
import { until } from "./router-envoy/until.ts";

jest.setTimeout(120_000);

const IP = "127.0.74.1";
const UID = "0c9c1d6e-8d3e-4a52-9c53-0e2f2c1f8a11";
const ACCESS_TOKEN = "an-access-token-of-a-test";
/** No answer is late on a machine that does much else. */
const PATIENT = { timeout: "10s", perTryTimeout: "5s" };
const root = Buffer.alloc(32, 3);
const users = Buffer.alloc(32, 4).toString("base64");
const log = createLogger({ write: () => {}, now: systemClock.now });
const deployment = {
  name: "ranker",
  uid: UID,
  labels: [{ name: "click", matures: "30m" }],
  metrics: [{ name: "ctr", type: "ClickThroughRate", label: "click" }],
};

let folder: string;
let collector: Collector;
let servers: readonly Server[] = [];
let model: TestServer;
let envoy: ControlledEnvoy;
let shipper: ImpressionShipper;
let url: string;
/** Bodies that were handed over. */
const batches: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "petrel-impressions-"));
  const ring = KeyRing.parse(JSON.stringify({ users, roots: [{ id: 1, secret: root.toString("base64") }] }));
  const settings = parseSettings(JSON.stringify({ deployments: [deployment] }));
  collector = openCollector(join(folder, "evidence.db"), { settings, ring }, systemClock.now);
  const serving = {
    collector,
    log,
    maximumBodyBytes: 2 ** 20,
    maximumConnections: 100,
    requestTimeoutMilliseconds: 10_000,
    accessTokens: () => [ACCESS_TOKEN],
  };
  servers = [feedbackServer(serving), internalServer(serving)];
  const [feedbackPort = 0, internalPort = 0] = await Promise.all(
    servers.map((server) => listen(server, "127.0.0.1", 0)),
  );
  writeFileSync(join(folder, "access-tokens"), `${ACCESS_TOKEN}\n`);

  const ports = { rest: await freePort(), grpc: await freePort() };
  model = await startReadyServer("mlp", {
    listenAddress: IP,
    restPort: ports.rest,
    grpcPort: ports.grpc,
    modelRevision: "r1",
    tokenIssuer: { deployment: UID, revision: "r1", pool: 0, modelDigest: "" },
  });
  const names = { deployment: nameTag(UID), revision: nameTag("r1"), keyId: 1 };
  const secret = revisionSecret(root, names).toString("base64");
  const key = { deployment: UID, revision: "r1", id: 1, secret };
  model.server.useTokenKeys(KeyRing.parse(JSON.stringify({ users, keys: [key] })));

  envoy = await ControlledEnvoy.start(ports, { collector: { host: "127.0.0.1", port: feedbackPort } });
  const feedback = { userHeader: "x-user-id", excludeHeader: "x-load-test" };
  const plan = await newPlan([stableArm({ pool: "gpu", revision: "r1", replicas: 1 })], {
    feedback,
    epoch: 7,
    ...PATIENT,
  });
  await envoy.serve("ranker", plan, [endpoint(IP, "gpu")]);
  url = `http://127.0.0.1:${plan.port}`;
  const client = collectorClient(`http://127.0.0.1:${internalPort}`, join(folder, "access-tokens"));
  shipper = new ImpressionShipper({
    podName: "petrel-router-1",
    podUid: "uid-1",
    directory: new LogDirectory(envoy.place.layout.accessLog ?? ""),
    collector: {
      sendBatch(body) {
        batches.push(body);
        return client.sendBatch(body);
      },
      sendEnd: (incarnation, endedAt) => client.sendEnd(incarnation, endedAt),
    },
    envoy: loggingEnvoy(envoy.place.adminPort),
    podIsGone: () => false,
    clock: systemClock,
    log,
  });
}, 120_000);

afterAll(async () => {
  await envoy?.stop();
  await model?.close();
  await Promise.all(servers.map(close));
  await collector?.close();
  rmSync(folder, { recursive: true });
});

async function predict(headers: Record<string, string> = {}): Promise<string | null> {
  const body = JSON.stringify(MLP_REQUEST);
  const answer = await fetch(`${url}/v2/models/m/infer`, { method: "POST", body, headers });
  expect(answer.status).toBe(200);
  await answer.arrayBuffer();
  return answer.headers.get("x-petrel-token");
}

function evidence() {
  const slot = Math.floor(Date.now() / 60_000);
  return collector.evidence("ranker", { from: slot - 5, to: slot });
}

/** Posts with headers as they are, and gives the token of the answer. */
function rawRequest(port: number, path: string, headers: [string, string][], body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const length: [string, string] = ["content-length", String(Buffer.byteLength(body))];
    const all = [["host", "ranker"], length, ...headers].flat();
    request({ host: "127.0.0.1", port, path, method: "POST", headers: all }, (answer) => {
      const { statusCode, headers: answered } = answer;
      answer.resume().on("end", () => {
        if (statusCode === 200) resolve(String(answered["x-petrel-token"]));
        else reject(new Error(`expected status 200, got ${statusCode}`));
      });
    })
      .on("error", reject)
      .end(body);
  });
}

/** Impressions of all arms and groups. */
async function impressions(): Promise<number> {
  const { arms } = await evidence();
  return arms.flatMap(({ n }) => n).reduce((sum, n) => sum + n, 0);
}

test("a token says what the router decided, for the user that the client names", async () => {
  const text = (await predict({ "x-user-id": "ann", "x-petrel-user": "bob", "x-petrel-epoch": "9" })) ?? "";
  const token = readToken(tokenBytes(text) ?? Buffer.alloc(0));
  expect(token).toMatchObject({ arm: 0, epoch: 7, rows: 1 });
  expect(Math.abs(token.seconds - Date.now() / 1_000)).toBeLessThan(60);
  const ring = KeyRing.parse(JSON.stringify({ users, keys: [] }));
  expect(Buffer.from(token.userTag)).toEqual(Buffer.from(userTag("ann", ring.users)));
});

test("requests that are marked get none, whatever the mark says", async () => {
  expect(await predict({ "x-load-test": "0" })).toBeNull();
  expect(await predict({ "x-load-test": "" })).not.toBeNull();
});

test("impressions and labels meet in the evidence", async () => {
  const tokens: string[] = [];
  for (let user = 0; user < 20; user++) tokens.push((await predict({ "x-user-id": `user-${user}` })) ?? "");
  await predict({ "x-load-test": "1" });
  const posts = tokens
    .slice(0, 5)
    .map((token) => JSON.stringify({ token, events: [{ label: "click", row: 0 }] }));
  const answer = await fetch(`${url}/feedback`, { method: "POST", body: posts.join("\n") });
  expect({ status: answer.status, body: await answer.json() }).toEqual({
    status: 200,
    body: { results: posts.map(() => ({ events: ["accepted"] })) },
  });
  // 20 here, and two in the tests before.
  await until("all impressions are counted", async () => {
    await shipper.step(false);
    return (await impressions()) === 22;
  });
  expect(JSON.stringify(await evidence())).toContain('"ctr"');
});

/** What batches told of the requests of a ModelDeployment. */
function servedOf(name: string): readonly ServedMinute[] {
  return batches
    .flatMap((body) => readServedMinutes(JSON.parse(body.split("\n", 1)[0] ?? "")["served"]))
    .filter((minute) => minute.deployment === name);
}

const totalOf = (name: string, field: "requests" | "errors") =>
  servedOf(name).reduce((sum, minute) => sum + minute[field], 0);

test("each answer of the arm is told with how long it took, feedback and what a client did wrong are not", async () => {
  const before = totalOf("ranker", "requests");
  expect((await fetch(`${url}/v2/models/m/infer`, { method: "POST", body: "{" })).status).toBe(400);
  const forged = { "x-petrel-arm": "Candidate" };
  expect(
    (await fetch(`${url}/v2/models/m%2Finfer`, { method: "POST", body: "{}", headers: forged })).status,
  ).toBe(400);
  await predict({ "x-load-test": "1" });
  await until("the answer is told", async () => {
    await shipper.step(false);
    return totalOf("ranker", "requests") > before;
  });
  // The tests before had 24 with a token or marked, and one post of feedback.
  expect([totalOf("ranker", "requests"), totalOf("ranker", "errors")]).toEqual([before + 1, 0]);
  const minutes = servedOf("ranker");
  expect(new Set(minutes.map(({ arm }) => arm))).toEqual(new Set(["Stable"]));
  const timed = minutes.flatMap(({ latencies }) => [...latencies.values()]);
  expect(timed.reduce((sum, count) => sum + count, 0)).toBe(before + 1);
  expect(minutes.some(({ latencies }) => latencies.has(0))).toBe(false);
});

/** Calls by gRPC, and gives the status of HTTP. */
function call(port: number, more: Readonly<Record<string, string>> = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const session = connect(`http://127.0.0.1:${port}`).on("error", reject);
    const path = "/inference.GRPCInferenceService/ModelInfer";
    const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
    const all = { ...headers, ...more };
    const stream = session.request(all).on("error", reject);
    stream.on("response", (answered) => resolve(answered[":status"])).on("close", () => session.close());
    stream.resume().end(Buffer.alloc(5));
  });
}

test("what no server answers is told as an error, of both protocols", async () => {
  const plan = await newPlan([stableArm({ pool: "gpu", revision: "r1", replicas: 1 })], {
    feedback: {},
    epoch: 8,
    ...PATIENT,
  });
  // Nobody listens there.
  await envoy.serve("nobody", plan, [endpoint("127.0.74.9", "gpu")]);
  const post = await fetch(`http://127.0.0.1:${plan.port}/v2/models/m/infer`, { method: "POST", body: "{}" });
  expect(post.status).toBe(503);
  expect(await call(plan.port)).toBe(200);
  // Refused before any filter, with the client's own arm: it is no request of the arm, and no error.
  expect(await call(plan.port, { ":path": "/inference%2FModelInfer", "x-petrel-arm": "Stable" })).toBe(200);
  await until("both are told", async () => {
    await shipper.step(false);
    return totalOf("nobody", "requests") === 2;
  });
  expect(totalOf("nobody", "errors")).toBe(2);
  expect(servedOf("nobody").flatMap(({ latencies }) => [...latencies])).toEqual([]);
  envoy.forget("nobody");
});

test("the collector is away: answers come, labels wait some seconds, then get 503, and impressions wait", async () => {
  const before = await impressions();
  const [feedback, internal] = servers;
  if (feedback === undefined || internal === undefined) throw new Error("no servers");
  const address = feedback.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  feedback.closeAllConnections();
  await close(feedback);
  const token = (await predict()) ?? "";
  const body = JSON.stringify({ token, events: [{ label: "click" }] });
  const post = async () => (await fetch(`${url}/feedback`, { method: "POST", body })).status;
  expect(await post()).toBe(503);
  const comesBack = async () => {
    await sleep(300);
    await listen(feedback, "127.0.0.1", port);
  };
  // The router has gone on to try.
  const [waited] = await Promise.all([post(), comesBack()]);
  expect(waited).toBe(200);
  await until("the impression is counted", async () => {
    await shipper.step(false);
    return (await impressions()) === before + 1;
  });
});

test("Envoy that starts anew is a gap, and goes on to log at the usual place", async () => {
  const logging = loggingEnvoy(envoy.place.adminPort);
  // It tells whole seconds: one that has only begun cannot be told from the next one.
  await until("Envoy has run for a while", async () => (await logging.logHealth()).uptimeSeconds >= 5);
  await shipper.step(false);
  expect((await evidence()).voided).toEqual([]);
  await envoy.restartEnvoy();
  const { shipped } = shipper.figures;
  await until("Envoy answers, and the answer is shipped", async () => {
    await predict().catch(() => {});
    await shipper.step(false);
    return shipper.figures.shipped > shipped;
  });
  const slot = Math.floor(Date.now() / 60_000);
  expect((await evidence()).voided).toEqual([{ first: expect.any(Number), last: expect.any(Number) }]);
  expect((await evidence()).voided[0]?.last).toBeGreaterThanOrEqual(slot - 1);
});

test("Envoy says at each moment since when it runs", async () => {
  const logging = loggingEnvoy(envoy.place.adminPort);
  const { uptimeSeconds: before } = await logging.logHealth();
  const start = performance.now();
  for (let look = 0; look < 12; look++) {
    await sleep(500);
    const least = (performance.now() - start) / 1_000;
    const { uptimeSeconds } = await logging.logHealth();
    // Each of the two is less than a second off, in either direction.
    expect(uptimeSeconds - before).toBeGreaterThan(least - 2);
    expect(uptimeSeconds - before).toBeLessThan((performance.now() - start) / 1_000 + 2);
  }
});

test("each answer tells whether its user is in the arm that the hash gives, and by which names that cannot be said", async () => {
  const [own, sticky] = [{ pool: "gpu", revision: "r1", replicas: 1 }, "x-user-id"];
  const plan = await newPlan(
    [
      { name: "Stable", weight: 6_500, pools: [own] },
      { name: "Candidate", weight: 3_500, pools: [own] },
    ],
    {
      feedback: { userHeader: sticky },
      stickiness: { header: sticky, anonymous: "Random", salt: "ranker-2" },
      epoch: 3,
      ...PATIENT,
    },
  );
  await envoy.serve("split", plan, [endpoint(IP, "gpu")]);
  const readHead = async (headers: [string, string][]) => {
    const answer = await rawRequest(plan.port, "/v2/models/m/infer", headers, JSON.stringify(MLP_REQUEST));
    return readTokenHead(tokenBytes(answer) ?? Buffer.alloc(54));
  };
  const seen = new Map<number, number>();
  for (let user = 0; user < 100; user++) {
    const { arm, armCheck } = await readHead([[sticky, `user ${user}!~`]]);
    expect(armCheck).toBe(ARM_CHECK.right);
    seen.set(arm, (seen.get(arm) ?? 0) + 1);
  }
  expect(seen.get(1)).toBeGreaterThan(15);
  expect(seen.get(0)).toBeGreaterThan(45);
  const uncheckable: [string, string][][] = [
    [],
    [[sticky, "a,b"]],
    [
      [sticky, "ann"],
      [sticky, "bob"],
    ],
    [[sticky, "x".repeat(512)]],
    [[sticky, "x".repeat(513)]],
    [[sticky, "\u00fc"]],
  ];
  for (const headers of uncheckable) {
    const { armCheck } = await readHead(headers);
    expect({ headers, armCheck }).toEqual({ headers, armCheck: ARM_CHECK.unchecked });
  }
  expect((await readHead([[sticky, "x".repeat(511)]])).armCheck).toBe(ARM_CHECK.right);
  envoy.forget("split");
});
