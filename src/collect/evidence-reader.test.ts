/**
 * How evidence is read beside everything else: only what is asked for, some slots at a time, each as it stands then.
 */
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { systemClock } from "../core/clock.ts";
import { inFolder } from "../process/testdata/in-folder.ts";
import { SUM } from "./cell-changes.ts";
import { collectedFrom } from "./collected-metrics.ts";
import { EVIDENCE_PARTS, type EvidenceQuestion } from "./evidence.ts";
import { EvidenceBlocks } from "./evidence-blocks.ts";
import { EvidenceReader } from "./evidence-reader.ts";
import { evidenceWish } from "./evidence-wish.ts";
import { encodeVector, newVector } from "./group-vector.ts";
import type { SlotRange } from "./router-log.ts";
import { parseSettings } from "./settings.ts";
import { Store } from "./store.ts";
import { batchOf, NOW_SECONDS, SETTINGS_TEXT, tokenOf, withCollector } from "./testdata/collecting.ts";

const SLOTS = 300;
const ctrOnly = (question: EvidenceQuestion): EvidenceQuestion => ({
  ...question,
  deployment: { ...question.deployment, metrics: question.deployment.metrics.slice(0, 1) },
});

interface Reading {
  readonly store: Store;
  readonly question: EvidenceQuestion;
  readonly read: (
    changes?: Partial<EvidenceQuestion>,
    signal?: AbortSignal,
  ) => ReturnType<EvidenceReader["read"]>;
  /** Sets one number of the stable arm. */
  readonly put: (slot: number, epoch: number, sum: number, value: number) => void;
}

/** One impression a slot in group 0, with one click; three epochs of 100 slots each. */
function reading(
  work: (reading: Reading) => Promise<void>,
  doubtful: () => readonly SlotRange[] = () => [],
): Promise<void> {
  return inFolder(async (folder) => {
    const store = new Store(join(folder, "evidence.db"));
    try {
      const collected = store.transaction(() => collectedFrom(parseSettings(SETTINGS_TEXT), store, 0, false));
      const [deployment] = collected.values();
      if (deployment === undefined) throw new Error("expected a deployment");
      const put: Reading["put"] = (slot, epoch, sum, value) => {
        const vector = newVector();
        vector[0] = value;
        store.putCell({ deployment: deployment.tag, slot, epoch, arm: 0, sum }, encodeVector(vector));
      };
      store.transaction(() => {
        for (let slot = 0; slot < SLOTS; slot++) {
          const epoch = 1 + Math.floor(slot / 100);
          for (const sum of [SUM.impressions, SUM.labelledRequests, SUM.labels]) put(slot, epoch, sum, 1);
          if (slot % 100 === 0) put(slot, epoch, SUM.newUsers, epoch);
          for (const { stored } of deployment.sums) put(slot, epoch, stored.id, 1);
        }
      });
      const reader = new EvidenceReader({
        store,
        clock: systemClock,
        blocks: new EvidenceBlocks(),
        doubtful,
      });
      const question: EvidenceQuestion = {
        deployment,
        range: { first: 0, last: SLOTS - 1 },
        epochs: [],
        parts: new Set(EVIDENCE_PARTS),
      };
      const read: Reading["read"] = (changes = {}, signal = new AbortController().signal) =>
        reader.read({ ...question, ...changes }, SLOTS, signal);
      await work({ store, question, read, put });
    } finally {
      store.close();
    }
  });
}

test("epochs of one range are one, those of none are left out, and users stay apart by epoch", () =>
  reading(async ({ read }) => {
    const epochs = [{ first: 2, last: 3 }];
    const { arms } = await read({ epochs });
    expect(arms).toHaveLength(1);
    expect(arms[0]).toMatchObject({ epoch: 2, lastEpoch: 3, firstSlot: 100, lastSlot: 299, newUsers: 5 });
    expect(arms[0]?.newUsersByEpoch).toEqual([
      [2, 2],
      [3, 3],
    ]);
    expect(arms[0]?.n[0]).toBe(200);
    expect(arms[0]?.metrics["ctr"]?.arrived?.[0]).toBe(200);
    expect((await read()).arms.map(({ epoch, n }) => [epoch, n[0]])).toEqual([
      [1, 100],
      [2, 100],
      [3, 100],
    ]);
  }));

test("of a part of a half hour only sums that are asked for are read from the file", () =>
  reading(async ({ read, store, question }) => {
    const asked: ReadonlySet<number>[] = [];
    const cells = store.cells.bind(store);
    store.cells = (deployment, first, last, sums) => {
      asked.push(sums);
      return cells(deployment, first, last, sums);
    };
    const range = { first: 0, last: 20 };
    const { arms } = await read({ ...ctrOnly(question), range, parts: new Set(["matured"]) });
    expect(asked).toHaveLength(1);
    const matured = question.deployment.metrics[0]?.matured.stored.id ?? 0;
    for (const sums of asked) expect([...sums]).toEqual([SUM.impressions, SUM.labelledRequests, matured]);
    expect(arms[0]).not.toHaveProperty("armChecks");
    expect(arms[0]).not.toHaveProperty("newUsers");
    expect(Object.keys(arms[0]?.metrics["ctr"] ?? {})).toEqual(["matured"]);
    const all = [...cells(question.deployment.tag, 0, 0, new Set([SUM.labels]))];
    expect(all.map(({ sum }) => sum)).toEqual([SUM.labels]);
  }));

test("a slot that cannot be in an epoch that is not asked for is out of all the same", () =>
  reading(async ({ read, put }) => {
    put(150, 1, SUM.labelledRequests, 1);
    const { arms, voided } = await read({
      epochs: [{ first: 2, last: 2 }],
      parts: new Set(["impressions"]),
    });
    expect(voided).toEqual([{ first: 150, last: 150 }]);
    expect(arms[0]?.n[0]).toBe(99);
  }));

test("what comes to be in doubt while it is read is left out from then on", () => {
  let looks = 0;
  const doubtful = () => (looks++ < 2 ? [] : [{ first: 0, last: SLOTS }]);
  return reading(async ({ read }) => {
    const { arms, voided } = await read();
    expect(voided).toEqual([{ first: 60, last: SLOTS - 1 }]);
    expect(arms.map(({ n }) => n[0])).toEqual([60]);
  }, doubtful);
});

test("what else waits comes in between", () =>
  reading(async ({ read }) => {
    let [turns, isRead] = [0, false];
    const turn = () => {
      turns++;
      if (!isRead) setImmediate(turn);
    };
    setImmediate(turn);
    await read();
    isRead = true;
    expect(turns).toBeGreaterThanOrEqual(SLOTS / 30 - 1);
  }));

test("who has gone is not read for", () =>
  reading(async ({ read }) => {
    const gone = new AbortController();
    const given = read({}, gone.signal);
    setImmediate(() => gone.abort());
    await expect(given).rejects.toThrow("expected whoever asks to wait");
  }));

test("one is read after the other, and no more wait than may", () =>
  reading(async ({ read }) => {
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => read()));
    expect(outcomes.map(({ status }) => status)).toEqual([
      ...Array(16).fill("fulfilled"),
      ...Array(4).fill("rejected"),
    ]);
    expect((await read()).arms).toHaveLength(3);
  }));

test("a label is stored while evidence is read", () =>
  withCollector(async (collector) => {
    const requests = Array.from({ length: 900 }, (_, index) =>
      tokenOf(index, { seconds: NOW_SECONDS - index * 60 }),
    );
    await collector.impressions(
      batchOf(
        1,
        requests.map((token) => ({ token })),
      ),
    );
    const order: string[] = [];
    const read = collector.evidence("ranker").then(() => order.push("read"));
    const label = JSON.stringify({ token: requests[0], events: [{ label: "click", row: 0 }] });
    const stored = collector.feedback(label, true).then(() => order.push("stored"));
    await Promise.all([read, stored]);
    expect(order).toEqual(["stored", "read"]);
  }));

test("sums that other settings replace while it is read are not given out", () =>
  withCollector(async (collector) => {
    const requests = Array.from({ length: 900 }, (_, index) => ({
      token: tokenOf(index, { seconds: NOW_SECONDS - index * 60 }),
    }));
    await collector.impressions(batchOf(1, requests));
    const read = collector.evidence("ranker");
    const configured = collector.configure(parseSettings(SETTINGS_TEXT.replace('"30m"', '"31m"')));
    await expect(read).rejects.toThrow("expected the settings to stay while it was read");
    await configured;
  }));

test.each([
  ["from=x", 'expected "from" to be a slot'],
  ["epochs=3", 'expected "epochs" to be FIRST-LAST, such as 7-9, got "3"'],
  ["epochs=3-2", 'expected "epochs" to be FIRST-LAST'],
  ["epochs=1-3&epochs=3-4", 'expected the ranges of "epochs" to be apart'],
  [`epochs=1-1${"&epochs=2-2".repeat(128)}`, "at most 128 times, got it 129 times"],
  ["part=all", 'expected "part" to be one of impressions, arrived, matured, checks, got "all"'],
])("refuses %.30s", (query, message) => {
  expect(() => evidenceWish(new URLSearchParams(query))).toThrow(message);
});
