/**
 * The way of the access log to the collector, with a collector that is away, a router that is killed at any moment, and an
 * Envoy that is lost: each answer counts once, or its time is said to be lost.
 */
import { appendFileSync, existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { Clock } from "../core/clock.ts";
import { createLogger } from "../core/log.ts";
import { HmacKey } from "../token/hmac-sha256.ts";
import { ARM_CHECK, mintToken } from "../token/prediction-token.ts";
import type { BatchAnswer } from "./collector-client.ts";
import { ImpressionShipper } from "./impression-shipper.ts";
import { LogDirectory } from "./log-directory.ts";
import { LOG_LAG_MILLISECONDS } from "./shipping-state.ts";

const key = new HmacKey(Buffer.alloc(32, 1));

/** The logged part of a token of one request. */
function tokenOf(request: number): string {
  const requestId = Buffer.alloc(8);
  requestId.writeUInt32BE(request, 4);
  const nothing = {
    arm: 0,
    keyId: 1,
    seconds: 1,
    deployment: 1,
    revision: 1,
    armCheck: ARM_CHECK.untold,
    pool: 0,
    model: 0,
    epoch: 1,
    slot: 0,
  };
  const token = { ...nothing, requestId, userTag: Buffer.alloc(6), rows: 1, scores: new Uint16Array(0) };
  return mintToken(token, key);
}

interface Batch {
  readonly number: number;
  readonly closedAt: number;
  readonly to: number;
  readonly gaps: readonly { readonly from: number; readonly to: number }[];
  readonly final: boolean;
  readonly incarnation: string;
  readonly requests: readonly string[];
  readonly served: readonly { readonly requests: number }[];
}

/** Takes a number once, as the collector does; `mood` says what it does with the next one. */
class StandInCollector {
  readonly taken = new Map<string, Batch>();
  readonly ended: string[] = [];
  silent: readonly string[] = [];
  mood: "Takes" | "IsAway" | "TakesAndBreaksOff" | "Refuses" = "Takes";

  sendBatch(body: string): Promise<BatchAnswer> {
    if (this.mood === "IsAway") return Promise.reject(new Error("connection refused"));
    if (this.mood === "Refuses") return Promise.resolve({ type: "Refused", problem: "status 400" });
    const [head = "", ...lines] = body.split("\n").filter((line) => line !== "");
    const batch: Batch = { ...JSON.parse(head), requests: lines };
    const name = `${batch.incarnation} ${batch.number}`;
    if (!this.taken.has(name)) this.taken.set(name, batch);
    if (this.mood === "TakesAndBreaksOff") return Promise.reject(new Error("connection reset"));
    return Promise.resolve({ type: "Acknowledged", silent: this.silent });
  }

  sendEnd(incarnation: string): Promise<void> {
    this.ended.push(incarnation);
    return Promise.resolve();
  }

  get batches(): readonly Batch[] {
    return [...this.taken.values()];
  }

  get requests(): readonly string[] {
    return this.batches.flatMap(({ requests }) => requests);
  }
}

let folder: string;
let collector: StandInCollector;
let now = 1_000_000_000;
let uptimeSeconds = 100;
let failedWrites = 0;
let envoyIsUp = true;
/** Whether it opens a log at once. */
let envoyOpens = true;

/** For how long the machine stands still while Envoy is asked, in milliseconds. */
let holdUp = { before: 0, after: 0 };

/** Time goes on by itself wherever somebody waits. */
const clock: Clock = {
  now: () => now,
  monotonic: () => now,
  schedule(milliseconds, callback) {
    now += milliseconds;
    const timer = setImmediate(callback);
    return () => clearImmediate(timer);
  },
};

const envoy = {
  reopenLogs() {
    if (!envoyIsUp) return Promise.reject(new Error("Envoy is down"));
    if (envoyOpens && !existsSync(join(folder, "access.log"))) writeFileSync(join(folder, "access.log"), "");
    return Promise.resolve();
  },
  logHealth() {
    if (!envoyIsUp) return Promise.reject(new Error("Envoy is down"));
    passSeconds(holdUp.before / 1_000);
    const health = { uptimeSeconds, failedWrites };
    passSeconds(holdUp.after / 1_000);
    return Promise.resolve(health);
  },
};

/** A router that has started anew on the same folder. */
function newShipper(podIsGone: (uid: string) => boolean = () => false): ImpressionShipper {
  return new ImpressionShipper({
    podName: "petrel-router-1",
    podUid: "uid-1",
    directory: new LogDirectory(join(folder, "access.log")),
    collector,
    envoy,
    podIsGone,
    clock,
    log: createLogger({ write: () => {}, now: clock.now }),
  });
}

/** A line as Envoy writes it, of a request of 5 ms that began at this second. */
function lineOf(token: string, flags = "-", second = 1): string {
  return `${second} ${flags} 200 - 6 5000 Stable ranker_stable_0a1b_rest ${token}\n`;
}

function answer(request: number, flags = "-"): void {
  appendFileSync(join(folder, "access.log"), lineOf(tokenOf(request), flags, Math.floor(now / 1_000)));
}

function passSeconds(seconds: number): void {
  now += seconds * 1_000;
  uptimeSeconds += seconds;
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "petrel-shipper-"));
  writeFileSync(join(folder, "access.log"), "");
  collector = new StandInCollector();
  [uptimeSeconds, failedWrites, envoyIsUp, envoyOpens] = [100, 0, true, true];
  holdUp = { before: 0, after: 0 };
});

afterEach(() => rmSync(folder, { recursive: true }));

test("each answer with a token is handed over once, in numbered batches", async () => {
  const shipper = newShipper();
  for (let round = 0; round < 3; round++) {
    answer(2 * round);
    answer(2 * round + 1, "DC");
    appendFileSync(join(folder, "access.log"), lineOf("-") + lineOf("no-token") + lineOf("no token"));
    passSeconds(5);
    await shipper.step(false);
  }
  expect(collector.requests).toEqual(
    [0, 1, 2, 3, 4, 5].map((request) =>
      JSON.stringify({ token: tokenOf(request), ...(request % 2 === 1 ? { excluded: true } : {}) }),
    ),
  );
  expect(collector.batches.map(({ number }) => number)).toEqual([1, 2, 3]);
  expect(shipper.figures).toMatchObject({ shipped: 6, batches: 3, lost: 0 });
});

test("a batch says what became of the requests of its lines, with a token or without", async () => {
  const shipper = newShipper();
  answer(1);
  const second = Math.floor(now / 1_000);
  const line = (rest: string) => appendFileSync(join(folder, "access.log"), `${second} ${rest}\n`);
  line("- 503 - 1 900 Stable ranker_stable_0a1b_rest -");
  line("- 200 - 6 5000 - ranker_stable_0a1b_rest -");
  await shipper.step(false);
  expect(collector.batches[0]?.served).toEqual([
    {
      ...{ deployment: "ranker", slot: Math.floor(second / 60), arm: "Stable" },
      ...{ requests: 2, errors: 1, milliseconds: 7, latencies: [[34, 1]] },
    },
  ]);
});

test("a batch says up to when nothing is missing, and one without requests that the router lives", async () => {
  const shipper = newShipper();
  await shipper.step(false);
  answer(1);
  passSeconds(100);
  await shipper.step(false);
  const [first, second] = collector.batches;
  expect(first).toMatchObject({ requests: [], gaps: [], final: false });
  expect(second?.to).toBe((second?.closedAt ?? 0) - LOG_LAG_MILLISECONDS);
  expect(second?.requests).toHaveLength(1);
});

describe("whatever happens between two rounds, nothing is lost and nothing counts twice", () => {
  const moods = ["Takes", "IsAway", "TakesAndBreaksOff"] as const;
  test.each(Array.from({ length: 20 }, (_, seed) => seed))("seed %i", async (seed) => {
    let state = seed * 7_919 + 1;
    const random = (count: number) => {
      state = (state * 48_271) % 2_147_483_647;
      return state % count;
    };
    let shipper = newShipper();
    let request = 0;
    for (let round = 0; round < 40; round++) {
      for (let count = random(4); count > 0; count--) answer(request++);
      passSeconds(5);
      collector.mood = moods[random(3)] ?? "Takes";
      await shipper.step(false).catch(() => {});
      if (random(3) === 0) shipper = newShipper();
    }
    collector.mood = "Takes";
    await shipper.step(false);
    await shipper.step(false);
    const tokens = Array.from({ length: request }, (_, index) => JSON.stringify({ token: tokenOf(index) }));
    expect(collector.requests).toEqual(tokens);
    const served = collector.batches.flatMap((batch) => batch.served.map(({ requests }) => requests));
    expect(served.reduce((sum, requests) => sum + requests, 0)).toBe(request);
    expect(collector.batches.flatMap(({ gaps }) => gaps)).toEqual([]);
    const numbers = collector.batches.map(({ number }) => number);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });
});

test("a router that is killed while a log is sealed goes on with it once Envoy has opened a new one", async () => {
  answer(1);
  await newShipper().step(false);
  renameSync(join(folder, "access.log"), join(folder, `sealed.000000000007.${now}.log`));
  appendFileSync(join(folder, `sealed.000000000007.${now}.log`), lineOf(tokenOf(2)));
  await newShipper().step(false);
  expect(collector.requests).toHaveLength(2);
  expect(existsSync(join(folder, "access.log"))).toBe(true);
});

test("what Envoy may still write to is not read, however long it takes to open a new log", async () => {
  const shipper = newShipper();
  answer(1);
  envoyOpens = false;
  await expect(shipper.step(false)).rejects.toThrow("Envoy has not opened a new access log yet");
  passSeconds(5);
  await expect(newShipper().step(false)).rejects.toThrow("Envoy has not opened a new access log yet");
  expect(collector.batches).toEqual([]);
  envoyOpens = true;
  await shipper.step(false);
  expect(collector.requests).toHaveLength(1);
});

test("an Envoy that has started anew and logs nothing holds nothing up", async () => {
  answer(1);
  envoyOpens = false;
  await expect(newShipper().step(false)).rejects.toThrow("Envoy has not opened a new access log yet");
  now += 60_000;
  uptimeSeconds = 10;
  await newShipper().step(false);
  expect(collector.requests).toHaveLength(1);
});

test.each([
  ["before Envoy answers", 20_000, 0],
  ["after Envoy has looked at its clock", 0, 20_000],
])("a pause of the machine %s is no gap", async (_what, before, after) => {
  const shipper = newShipper();
  for (let round = 0; round < 4; round++) {
    passSeconds(5);
    holdUp = round % 2 === 1 ? { before, after } : { before: 0, after: 0 };
    answer(round);
    await shipper.step(false);
  }
  expect(collector.requests).toHaveLength(4);
  expect(collector.batches.flatMap(({ gaps }) => gaps)).toEqual([]);
});

describe("what is lost is a gap", () => {
  const losses: readonly [string, () => void][] = [
    [
      "Envoy has started anew",
      () => {
        uptimeSeconds = 1;
      },
    ],
    [
      "Envoy could not write",
      () => {
        failedWrites = 3;
      },
    ],
  ];
  test.each(losses)("%s", async (_what, lose) => {
    await newShipper().step(false);
    const before = now;
    passSeconds(5);
    lose();
    await newShipper().step(false);
    passSeconds(5);
    await newShipper().step(false);
    expect(collector.batches.map(({ gaps }) => gaps)).toEqual([
      [],
      [{ from: before - LOG_LAG_MILLISECONDS, to: before + 5_000 }],
      [],
    ]);
  });

  test("a batch that is refused for good leaves its number and its time out", async () => {
    const shipper = newShipper();
    await shipper.step(false);
    answer(1);
    passSeconds(5);
    collector.mood = "Refuses";
    await shipper.step(false);
    collector.mood = "Takes";
    passSeconds(5);
    await shipper.step(false);
    const [first, second] = collector.batches;
    expect([first?.number, second?.number]).toEqual([1, 3]);
    expect(second?.gaps).toEqual([{ from: first?.to, to: now - 5_000 }]);
    expect(shipper.figures.lost).toBe(1);
  });

  test("what waits beyond its bound is given up, the oldest first", async () => {
    const shipper = newShipper();
    await shipper.step(false);
    collector.mood = "IsAway";
    const line = lineOf(tokenOf(1));
    for (let file = 0; file < 3; file++) {
      appendFileSync(join(folder, "access.log"), line.repeat(Math.ceil((25 * 2 ** 20) / line.length)));
      passSeconds(5);
      await shipper.step(false).catch(() => {});
    }
    expect(shipper.figures.lost).toBe(1);
    collector.mood = "Takes";
    await shipper.step(false);
    const expected = 2 * Math.ceil((25 * 2 ** 20) / line.length);
    expect(collector.requests).toHaveLength(expected);
    expect(collector.batches.every(({ requests }) => requests.length <= 10_000)).toBe(true);
    expect(collector.batches.flatMap(({ gaps }) => gaps)).toHaveLength(1);
  }, 60_000);
});

test("the last batch says that nothing follows, and has all that Envoy wrote to its end", async () => {
  const shipper = newShipper();
  answer(1);
  await shipper.step(false);
  answer(2);
  envoyIsUp = false;
  await shipper.finish();
  expect(collector.requests).toHaveLength(2);
  expect(collector.batches.map(({ final }) => final)).toEqual([false, true]);
  expect(collector.batches[1]?.to).toBe(now);
});

test("of a router that is silent and gone the end is told, and of no other", async () => {
  collector.silent = ["gone/uid-2/1", "silent/uid-3/1", "petrel-router-1/uid-1/1"];
  await newShipper((uid) => uid === "uid-2").step(false);
  expect(collector.ended).toEqual(["gone/uid-2/1", "petrel-router-1/uid-1/1"]);
});
