import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { EVENT_RESULTS } from "../api/event-result.ts";
import { parseShadowCounts } from "../stats/shadow-counts.ts";
import {
  SHADOW_SIGNATURE_HEADER,
  type ShadowRole,
  shadowBatchText,
  shadowSignature,
} from "../tap/shadow-report.ts";
import {
  AUTHORIZATION,
  type CollectProcess,
  MAIN,
  startCollect,
  writeFiles,
} from "./testdata/collect-process.ts";
import { ACCESS_TOKEN, batchOf, RING, tokenOf } from "./testdata/collecting.ts";

let folder = "";
let collect: CollectProcess;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "petrel-collect-"));
  writeFiles(folder);
  collect = await startCollect(folder, "--max-body-bytes=65536");
}, 60_000);

afterAll(async () => {
  const code = await collect.end("SIGTERM");
  rmSync(folder, { recursive: true, force: true });
  expect(code).toBe(0);
}, 60_000);

const seconds = Math.floor(Date.now() / 1_000) - 60;
const good = (request: number) =>
  JSON.stringify({ token: tokenOf(request, { seconds }), events: [{ label: "click", row: 1 }] });

async function post(body: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${collect.feedback}/feedback`, { method: "POST", body, headers });
  return { status: response.status, answer: JSON.parse(await response.text()) };
}

describe("what is refused as a whole says what was expected", () => {
  test.each<[string, string, RequestInit, number, string]>([
    ["another path", "/other", {}, 404, "expected one of /feedback, /shadow"],
    ["another method", "/feedback", { method: "GET" }, 405, "expected POST, got GET"],
    ["no JSON", "/feedback", { method: "POST", body: "hello" }, 400, "expected a JSON object"],
    ["nothing", "/feedback", { method: "POST" }, 400, "expected a JSON object"],
    ["no object", "/feedback", { method: "POST", body: "[]" }, 400, "expected 1 to 1000 objects"],
    ["too many objects", "/feedback", { method: "POST", body: `[${"1,".repeat(1_000)}1]` }, 400, "got 1001"],
    ["too many bytes", "/feedback", { method: "POST", body: "x".repeat(65_537) }, 413, "at most 65536 bytes"],
    [
      "a packed body",
      "/feedback",
      { method: "POST", body: "x", headers: { "content-encoding": "gzip" } },
      415,
      "without encoding",
    ],
  ])("%s", async (_, path, init, status, message) => {
    const response = await fetch(`${collect.feedback}${path}`, init);
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ error: expect.stringContaining(message) });
  });

  test("brackets without end", async () => {
    const { status, answer } = await post("[".repeat(60_000));
    expect(status).toBe(400);
    expect(answer).toEqual({ error: expect.stringContaining("expected a JSON object") });
    const deep = await post(`${"[".repeat(30_000)}${"]".repeat(30_000)}`);
    expect(deep.answer).toEqual({ results: [{ events: ["malformed"], error: expect.any(String) }] });
  });
});

describe("the internal port", () => {
  test.each<[string, Record<string, string>]>([
    ["without an access token", {}],
    ["with another", { authorization: "Bearer another-access-token" }],
    ["with another scheme", { authorization: `Basic ${ACCESS_TOKEN}` }],
  ])("%s: nothing", async (_, headers) => {
    for (const path of ["/evidence?deployment=ranker", "/impressions", "/anomalies"]) {
      const response = await fetch(`${collect.internal}${path}`, { headers });
      expect(response.status).toBe(401);
      expect(await response.json()).toEqual({ error: expect.stringContaining("access token") });
    }
  });

  test("a batch with one bad line is not taken at all", async () => {
    const body = `${batchOf(1, [{ token: tokenOf(1) }], { incarnation: "bad/1", startedAt: 0, closedAt: 1, to: 1 })}\n{"token":"x"}`;
    const response = await fetch(`${collect.internal}/impressions`, {
      method: "POST",
      body,
      headers: AUTHORIZATION,
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({
      error: expect.stringContaining("expected line 3 to have a prediction token"),
    });
    const evidence = await fetch(`${collect.internal}/evidence?deployment=ranker`, {
      headers: AUTHORIZATION,
    });
    expect(await evidence.json()).toMatchObject({ routers: [] });
  });
});

test("whatever is posted: an answer, no internal error, and the next one is served", async () => {
  const valid = JSON.parse(good(1_000));
  const mutated = fc
    .tuple(fc.constantFrom("token", "events", "shown", "final", "other"), fc.jsonValue({ maxDepth: 4 }))
    .map(([name, value]) => JSON.stringify({ ...valid, [name]: value }));
  const events = fc
    .array(
      fc.record(
        {
          label: fc.oneof(fc.constant("click"), fc.jsonValue()),
          row: fc.oneof(fc.nat(12), fc.jsonValue()),
          pos: fc.oneof(fc.nat(12), fc.jsonValue()),
          value: fc.oneof(fc.double(), fc.jsonValue()),
          at: fc.oneof(
            fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
            fc.jsonValue(),
          ),
          id: fc.jsonValue(),
        },
        { requiredKeys: [] },
      ),
      { maxLength: 5 },
    )
    .map((list) => JSON.stringify({ ...valid, events: list }));
  const cut = fc
    .tuple(fc.nat(200), fc.nat(255))
    .map(([at, byte]) =>
      Buffer.concat([
        Buffer.from(good(1_001)).subarray(0, at),
        Buffer.of(byte),
        Buffer.from(good(1_001)).subarray(at),
      ]).toString("latin1"),
    );
  await fc.assert(
    fc.asyncProperty(fc.oneof(mutated, events, cut, fc.string(), fc.json()), async (body) => {
      const { status, answer } = await post(body);
      expect([200, 400]).toContain(status);
      if (status === 400) expect(answer).toEqual({ error: expect.stringContaining("expected") });
      else {
        for (const { events: results } of answer.results) {
          for (const result of results) expect(EVENT_RESULTS).toContain(result);
        }
      }
    }),
    { numRuns: 400 },
  );
  expect((await post(good(1_002))).answer).toEqual({ results: [{ events: ["accepted"] }] });
}, 300_000);

test("a body that does not end is given up", async () => {
  const slow = await startCollect(join(folder), "--file", join(folder, "slow.db"), "--request-timeout=1s");
  const socket = connect(Number(new URL(slow.feedback).port), "127.0.0.1");
  socket.on("error", () => {});
  const answer = new Promise<string>((resolve) => {
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("close", () => resolve(text));
  });
  socket.write('POST /feedback HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"tok');
  expect(await answer).toMatch(/^HTTP\/1\.1 408 [\s\S]*\{"error":"/);
  expect(await slow.end("SIGTERM")).toBe(0);
}, 60_000);

test("health and metrics", async () => {
  await post(good(7));
  expect((await fetch(`${collect.status}/healthz`)).status).toBe(200);
  expect((await fetch(`${collect.status}/readyz`)).status).toBe(200);
  const metrics = await (await fetch(`${collect.status}/metrics`)).text();
  expect(metrics).toMatch(/petrel_collect_feedback_events_total\{result="accepted"\} [1-9]/);
  expect(metrics).toMatch(
    /petrel_label_delay_seconds_count\{model_deployment="ranker",label="click"\} [1-9]/,
  );
  expect(metrics).toContain("petrel_collect_requests");
});

test("no secret is in the logs", () => {
  expect(collect.output()).not.toContain(ACCESS_TOKEN);
  expect(collect.output()).not.toContain(Buffer.alloc(32, 7).toString("base64").slice(0, 20));
});

test("every command of the page about feedback works as it stands there", async () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/feedback.md"), "utf8");
  const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```\n+(?:```json\n([\s\S]*?)^```)?/gm)];
  const clients = blocks.filter(([, command = ""]) => command.startsWith("curl"));
  expect(clients.length).toBeGreaterThan(5);
  for (const [, command = "", answer] of clients) {
    const now = Date.now();
    const { stdout } = await promisify(execFile)("bash", ["-euo", "pipefail", "-c", command], {
      cwd: folder,
      env: {
        ...process.env,
        FEEDBACK: collect.feedback,
        COLLECT: collect.internal,
        STATUS: collect.status,
        ACCESS_TOKEN,
        TOKEN: tokenOf(77, { seconds }),
        NOW: String(now),
      },
    });
    if (answer !== undefined) expect(JSON.parse(stdout)).toMatchObject(JSON.parse(answer));
  }
}, 60_000);

test("tells what it can be told", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--no-warnings",
    MAIN,
    "collect",
    "--help",
  ]);
  expect(stdout).toContain("--access-tokens <path>");
}, 60_000);

describe("mirrored requests", () => {
  const batch = (role: ShadowRole) => {
    const report = { epoch: 7, group: 3, status: 200, latencyMilliseconds: 2, rows: 1, scores: [0.5] };
    return shadowBatchText({
      deployment: "uid-1",
      revision: "ranker-a",
      keyId: 1,
      seconds: Math.floor(Date.now() / 1_000),
      reports: [{ id: "00000000000000aa", role, ...report }],
    });
  };
  const tell = (body: string, signature: string) =>
    fetch(`${collect.feedback}/shadow`, {
      method: "POST",
      body,
      headers: { [SHADOW_SIGNATURE_HEADER]: signature },
    });

  test("are told where labels are posted, signed, and read at the internal port", async () => {
    const key = RING.signingKey("uid-1", "ranker-a")?.key;
    if (key === undefined) throw new Error("the ring has no such key");
    for (const role of ["Original", "Copy"] as const) {
      const body = batch(role);
      expect((await tell(body, "")).status).toBe(401);
      expect((await tell(body, shadowSignature(body, key))).status).toBe(200);
    }
    const url = `${collect.internal}/shadow?deployment=ranker&epochs=7-7`;
    expect((await fetch(url)).status).toBe(401);
    const answer = await fetch(url, { headers: AUTHORIZATION });
    const counts = parseShadowCounts(await answer.text(), "ranker", "the collector");
    expect(counts.sums.pairs[3]).toBe(1);
    const elsewhere = await fetch(`${collect.feedback}/shadow?deployment=ranker&epochs=7-7`, {
      headers: AUTHORIZATION,
    });
    expect(elsewhere.status).toBe(405);
  });
});
