/**
 * The training log against a real S3 store, from a real model server, sidecar and collector: what is in the sample
 * arrives and can be joined, a store that is away holds nothing up, and a process that is killed leaves no half of a
 * file.
 *
 * @jest-environment <rootDir>/test/native-arrays-environment.mjs
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, beforeEach, expect, jest, test } from "@jest/globals";
import { OBJECT_STORE_KEYS, type ObjectStore, startObjectStore } from "../../e2e/cluster/index.ts";
import { idOf, loggedLines, loggedObjects } from "../../e2e/logged-objects.ts";
import { asRecord } from "../../src/api/json.ts";
import { startCollect, writeFiles } from "../../src/collect/testdata/collect-process.ts";
import { RING, SETTINGS_TEXT, tokenOf } from "../../src/collect/testdata/collecting.ts";
import { PETREL_HEADER } from "../../src/render/envoy/route.ts";
import { infer } from "../../src/serve/testdata/rest-client.ts";
import { startReadyServer, type TestServer } from "../../src/serve/testdata/server.ts";
import { startSidecar } from "../../src/sidecar/testdata/sidecar-process.ts";
import { parseObserved } from "../../src/tap/observed-settings.ts";
import { isSampled } from "../../src/training-log/sampled.ts";
import { freePort } from "./router-envoy/envoy-process.ts";
import { type CutProxy, startCutProxy } from "./training-log/cut-proxy.ts";

jest.setTimeout(300_000);

const PATIENCE_MILLISECONDS = 60_000;

const OBSERVE = {
  scores: { output: "score" },
  features: [{ name: "third", input: "features", column: 2 }],
  featureTime: { header: "x-feature-time" },
};
const [, documented = ""] =
  /```sql\n(SELECT[\s\S]*?)```/.exec(
    readFileSync(join(import.meta.dirname, "../../docs/training-log.md"), "utf8"),
  ) ?? [];

let root: string;
let folder: string;
let store: ObjectStore;
let proxy: CutProxy;
let server: TestServer;
let socket: string;
const processes: ChildProcess[] = [];
/** Ends what a test that failed has left. */
const leftOvers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "petrel-training-"));
  const port = await freePort();
  store = await startObjectStore({
    folder: root,
    address: "127.0.0.1",
    port,
    spawn: ([command = "", ...args]) => {
      const child = spawn(command, args, { stdio: "ignore" });
      processes.push(child);
      return child;
    },
  });
  await store.makeBucket("training");
  proxy = await startCutProxy({ port });
  mkdirSync(join(root, "keys"));
  writeFileSync(join(root, "ca.crt"), store.authority);
  writeFileSync(join(root, "keys/AWS_ACCESS_KEY_ID"), OBJECT_STORE_KEYS.accessKeyId);
  writeFileSync(join(root, "keys/AWS_SECRET_ACCESS_KEY"), OBJECT_STORE_KEYS.secretAccessKey);
  socket = join(root, "tap");
  const tokenIssuer = { deployment: "uid-1", revision: "ranker-a", pool: 0, modelDigest: "" };
  server = await startReadyServer("mlp", {
    modelRevision: "ranker-a",
    tokenIssuer,
    tap: { socket, observed: parseObserved(OBSERVE) },
  });
  server.server.useTokenKeys(RING);
}, 1_800_000);

afterAll(async () => {
  await Promise.all(leftOvers.map((end) => end()));
  await server?.close();
  await proxy?.close();
  store?.stop();
  for (const child of processes) child.kill("SIGKILL");
  rmSync(root, { recursive: true, force: true });
});

beforeEach(() => {
  folder = mkdtempSync(join(root, "run-"));
});

/** Settings of a log below a prefix, through the proxy. */
function logOf(prefix: string, more: object): object {
  const bucket = {
    name: "training",
    prefix,
    endpoint: `https://127.0.0.1:${proxy.port}`,
    authorities: join(root, "ca.crt"),
    credentials: join(root, "keys"),
  };
  return { folder: join(folder, "log"), maximumFileBytes: 65_536, bucket, ...more };
}

/** A collector that logs the labels of `ranker`. */
async function startLogging(log: object) {
  writeFiles(folder);
  const settings = JSON.parse(SETTINGS_TEXT);
  settings.deployments[0].log = { ...log, folder: join(folder, "labels") };
  writeFileSync(join(folder, "settings.json"), JSON.stringify(settings));
  const collect = await startCollect(folder);
  leftOvers.push(() => collect.end("SIGKILL"));
  return collect;
}

/** A sidecar that logs what the model server tells it. */
async function startObserving(trainingLog: object) {
  const own = mkdtempSync(join(folder, "sidecar-"));
  writeFileSync(join(own, "settings.json"), JSON.stringify({ observe: OBSERVE, trainingLog }));
  const sidecar = await startSidecar(own, `--tap-socket=${socket}`);
  leftOvers.push(() => sidecar.end("SIGKILL"));
  await until(
    "a model server that is connected",
    () => shown(sidecar.metrics, "petrel_sidecar_tap_connections "),
    (count) => count === 1,
  );
  return sidecar;
}

type Line = Readonly<Record<string, unknown>>;

const objectsBelow = (prefix: string) => loggedObjects(store, "training", prefix);

async function linesBelow(prefix: string): Promise<readonly Line[]> {
  return loggedLines(await objectsBelow(prefix)).map((line) => asRecord(line) ?? {});
}

/** Makes a prediction; gives its token. */
async function predict(third: number): Promise<string> {
  const seconds = Math.floor(Date.now() / 1_000);
  const request = {
    inputs: [{ name: "features", datatype: "FP32", shape: [1, 4], data: [0, 0, third, 0] }],
  };
  const { status, headers } = await infer(server, request, {
    headers: {
      [PETREL_HEADER.arm]: "Stable",
      [PETREL_HEADER.epoch]: "4",
      [PETREL_HEADER.time]: String(seconds),
      "x-feature-time": String(seconds - 50),
    },
  });
  expect(status).toBe(200);
  return headers.get(PETREL_HEADER.token) ?? "";
}

/** Posts a click for each token, and gives what was answered. */
async function click(feedback: string, tokens: readonly string[]): Promise<readonly string[]> {
  const lines = tokens.map((token) =>
    JSON.stringify({ token, events: [{ label: "click", row: 0, pos: 3, value: 2 }] }),
  );
  const answer = await fetch(`${feedback}/feedback`, { method: "POST", body: lines.join("\n") });
  const said: unknown = await answer.json();
  return [...JSON.stringify(said).matchAll(/"(accepted|duplicate|late|malformed|forged)"/g)].map(
    ([, word = ""]) => word,
  );
}

/** Waits until what is read holds, and says what it was if it never does. */
async function until<Value>(
  what: string,
  read: () => Value | Promise<Value>,
  holds: (value: Value) => boolean,
): Promise<Value> {
  const end = Date.now() + PATIENCE_MILLISECONDS;
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (Date.now() > end) throw new Error(`expected ${what}, got ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The value of the series of a page with all of these parts. */
async function shown(status: string, ...parts: readonly string[]): Promise<number> {
  const page = await (await fetch(`${status}/metrics`)).text();
  const line = page
    .split("\n")
    .find((one) => !one.startsWith("#") && parts.every((part) => one.includes(part)));
  return Number(line?.slice(line.lastIndexOf(" ")) ?? Number.NaN);
}

const WRITTEN = ["petrel_training_log_lines_total", 'result="written"'];
const FULL = ["petrel_training_log_lines_total", 'result="folder_full"'];

async function untilUploaded(status: string): Promise<void> {
  const read = () => shown(status, "uploads_total", '"uploaded"');
  await until("a file in the bucket", read, (count) => count >= 1);
}

test("what is in the sample arrives, requests and labels, and is joined as the page says", async () => {
  proxy.pass(Number.POSITIVE_INFINITY);
  const log = logOf("shop/ranker", { sample: "25%" });
  const sidecar = await startObserving({ ...log, onlyWithToken: true });
  const collect = await startLogging(log);
  const tokens: string[] = [];
  for (let number = 0; number < 400; number++) tokens.push(await predict(number));
  // Own traffic gets no token, and is not in the log.
  await infer(server, {
    inputs: [{ name: "features", datatype: "FP32", shape: [1, 4], data: [0, 0, 0, 0] }],
  });
  const clicked = tokens.filter((_, number) => number % 2 === 0);
  expect(new Set(await click(collect.feedback, clicked))).toEqual(new Set(["accepted"]));
  expect(new Set(await click(collect.feedback, clicked))).toEqual(new Set(["duplicate"]));
  const isIn = (token: string) => isSampled(Buffer.from(idOf(token), "hex"), 0.25);
  const sampled = tokens.filter(isIn);
  // Six standard deviations around 100.
  expect(Math.abs(sampled.length - 100)).toBeLessThan(52);
  await until(
    `${sampled.length} lines`,
    () => shown(sidecar.metrics, ...WRITTEN),
    (count) => count === sampled.length,
  );
  // What is not closed yet is taken to the bucket in the end.
  await Promise.all([sidecar.end("SIGTERM"), collect.end("SIGTERM")]);

  const requests = await linesBelow("shop/ranker/requests/");
  expect(requests.map(({ request }) => request).toSorted()).toEqual(sampled.map(idOf).toSorted());
  const labels = await linesBelow("shop/ranker/labels/");
  expect(labels.map(({ request }) => request).toSorted()).toEqual(clicked.filter(isIn).map(idOf).toSorted());

  const database = new DatabaseSync(":memory:");
  database.exec(`CREATE TABLE requests (request, time, revision, arm, featureAge, "values")`);
  database.exec("CREATE TABLE labels (request, label, value, row, position, delay)");
  const insert = (table: string, lines: readonly Line[], names: readonly string[]) => {
    const row = database.prepare(`INSERT INTO ${table} VALUES (${names.map(() => "?").join(", ")})`);
    for (const line of lines) {
      const cells = names.map((name) => {
        const value = line[name];
        return value === null || typeof value === "number" || typeof value === "string"
          ? value
          : JSON.stringify(value);
      });
      row.run(...cells);
    }
  };
  insert("requests", requests, ["request", "time", "revision", "arm", "featureAge", "values"]);
  insert("labels", labels, ["request", "label", "value", "row", "position", "delay"]);
  const joined = database.prepare(documented).all();
  database.close();
  expect(joined).toHaveLength(sampled.length);
  for (const row of joined) {
    const number = tokens.findIndex((token) => idOf(token) === row["request"]);
    expect(JSON.parse(String(row["values"]))).toEqual({ score: [expect.any(Number)], third: [number] });
    expect(row).toMatchObject({ revision: "ranker-a", arm: "Stable" });
    expect(Math.abs(Number(row["featureAge"]) - 50)).toBeLessThan(5);
    const told = number % 2 === 0 ? { label: "click", value: 2, row: 0, position: 3 } : { label: null };
    expect(row).toMatchObject(told);
  }
});

test("a store that takes connections and nothing else holds up neither predictions nor labels", async () => {
  proxy.pass(0);
  const log = logOf("away", { sample: "100%", maximumFolderBytes: 65_536 });
  const sidecar = await startObserving(log);
  const collect = await startLogging(log);
  // Of both the first half fills a file, which waits for the store; what follows is dropped and counted.
  const HALF = 400;
  const counts = async (status: string) => [await shown(status, ...WRITTEN), await shown(status, ...FULL)];
  const untilCounted = (status: string, count: number) =>
    until(
      `${count} lines, dropped or not`,
      () => counts(status),
      ([written = 0, lost = 0]) => written + lost === count,
    );
  for (const count of [HALF, 2 * HALF]) {
    const tokens: string[] = [];
    for (let number = 0; number < HALF; number++) tokens.push(await predict(number));
    await untilCounted(sidecar.metrics, count);
    // As many again, so that a file is full.
    const seconds = Math.floor(Date.now() / 1_000) - 60;
    const others = tokens.map((_, number) => tokenOf(count * HALF + number, { seconds }));
    expect(await click(collect.feedback, [...tokens, ...others])).toEqual(
      [...tokens, ...others].map(() => "accepted"),
    );
    await untilCounted(collect.status, 2 * count);
  }
  const [requests = 0, lostRequests = 0] = await counts(sidecar.metrics);
  const [labels = 0, lostLabels = 0] = await counts(collect.status);
  for (const count of [requests, lostRequests, labels, lostLabels]) expect(count).toBeGreaterThan(100);
  await until(
    "a bucket that is behind",
    () => shown(sidecar.metrics, "petrel_training_log_lag_seconds{"),
    (lag) => lag > 0,
  );
  expect(await objectsBelow("away/")).toEqual(new Map());
  proxy.pass(Number.POSITIVE_INFINITY);
  await untilUploaded(sidecar.metrics);
  await untilUploaded(collect.status);
  await Promise.all([sidecar.end("SIGTERM"), collect.end("SIGTERM")]);
  expect(await linesBelow("away/requests/")).toHaveLength(requests);
  expect(await linesBelow("away/labels/")).toHaveLength(labels);
});

test("a collector that is killed in the middle of an upload leaves no half, and sends it again whole", async () => {
  proxy.pass(Number.POSITIVE_INFINITY);
  const log = logOf("killed", { sample: "100%" });
  const seconds = Math.floor(Date.now() / 1_000) - 60;
  const tokens = (start: number) =>
    Array.from({ length: 600 }, (_, number) => tokenOf(start + number, { seconds }));
  const first = await startLogging(log);
  await click(first.feedback, tokens(0));
  await untilUploaded(first.status);
  const before = await objectsBelow("killed/");
  expect(before.size).toBe(1);

  // Past the handshake and the headers, and short of the end of a file of 600 lines.
  proxy.pass(3_000);
  await click(first.feedback, tokens(10_000));
  await until(
    "an upload that is held in the middle",
    () => proxy.hasHeld,
    (isHeld) => isHeld,
  );
  await first.end("SIGKILL");
  expect(await objectsBelow("killed/")).toEqual(before);

  proxy.pass(Number.POSITIVE_INFINITY);
  const second = await startLogging(log);
  await untilUploaded(second.status);
  await second.end("SIGTERM");
  const after = await objectsBelow("killed/");
  expect(after.size).toBe(2);
  for (const [key, text] of before) expect(after.get(key)).toBe(text);
  const ids = (await linesBelow("killed/labels/")).map(({ request }) => request);
  expect(ids.toSorted()).toEqual([...tokens(0), ...tokens(10_000)].map(idOf).toSorted());
});
