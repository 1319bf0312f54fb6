import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { inFolder } from "../process/testdata/in-folder.ts";
import { KeyRing } from "../token/key-ring.ts";
import { ARM_CHECK, mintToken, readToken, tokenBytes } from "../token/prediction-token.ts";
import type { Collector } from "./collector.ts";
import type { EvidenceAnswer } from "./collector-answers.ts";
import { parseSettings } from "./settings.ts";
import { StoreError } from "./store.ts";
import {
  batchOf,
  LISTS_TEXT,
  NOW_SECONDS,
  openCollector,
  RING,
  SETTINGS_TEXT,
  tokenOf,
  withCollector,
} from "./testdata/collecting.ts";

const sum = (numbers: readonly number[] = []) => numbers.reduce((total, number) => total + number, 0);

function totals({ arms }: EvidenceAnswer) {
  return arms.map(({ epoch, arm, n, metrics }) => ({
    epoch,
    arm,
    n: sum(n),
    ctr: [sum(metrics["ctr"]?.arrived), sum(metrics["ctr"]?.matured)],
    revenue: [sum(metrics["revenue"]?.arrived), sum(metrics["revenue"]?.matured)],
  }));
}

async function qualityOf({ metrics }: Collector): Promise<readonly string[]> {
  const lines = (await metrics.registry.metrics()).split("\n");
  const shown = lines.filter((line) => line.startsWith("petrel_quality_"));
  return shown.map((line) => line.replace("petrel_quality_", "")).toSorted();
}

test("metrics of which less is better are told, and none else", async () => {
  const refunds = `"metrics":[{"name":"refunds","type":"LabelRatio","label":"order","cap":5,"better":"Lower"},`;
  const settings = parseSettings(SETTINGS_TEXT.replace(`"metrics":[`, refunds));
  await withCollector(
    async (collector) => {
      const told = (await qualityOf(collector)).filter((line) => line.startsWith("lower_is_better"));
      expect(told).toEqual([`lower_is_better{model_deployment="ranker",metric="refunds"} 1`]);
      await collector.configure(parseSettings(SETTINGS_TEXT));
      expect((await qualityOf(collector)).join()).not.toContain("lower_is_better");
    },
    { settings },
  );
});

const slotNow = Math.floor(NOW_SECONDS / 60);
const click = (row: number, more: object = {}) => ({ label: "click", row, ...more });
const ago = (seconds: number) => new Date((NOW_SECONDS - seconds) * 1_000).toISOString();

describe("each event is answered", () => {
  const old = tokenOf(5, { seconds: NOW_SECONDS - 97 * 3_600 });
  const foreign = mintToken(
    { ...readToken(tokenBytes(tokenOf(6)) ?? Buffer.alloc(54)), deployment: 5 },
    RING.signingKey("uid-1", "ranker-a")?.key ?? RING.users,
  );

  test.each([
    ["accepted", { token: tokenOf(1), events: [click(0), click(1)] }, ["accepted", "accepted"]],
    ["duplicate", { token: tokenOf(1), events: [click(0), click(0)] }, ["accepted", "duplicate"]],
    ["late", { token: tokenOf(1, { seconds: NOW_SECONDS - 3_600 }), events: [click(0)] }, ["late"]],
    [
      "in time, though told late",
      { token: tokenOf(1, { seconds: NOW_SECONDS - 3_600 }), events: [click(0, { at: ago(3_000) })] },
      ["accepted"],
    ],
    [
      "by a clock 5 minutes ahead",
      { token: tokenOf(1, { seconds: NOW_SECONDS + 299 }), events: [click(0, { at: ago(-299) })] },
      ["accepted"],
    ],
    [
      "by a clock 6 minutes ahead",
      { token: tokenOf(1), events: [click(0, { at: ago(-360) })] },
      ["malformed"],
    ],
    [
      "from before the prediction",
      { token: tokenOf(1), events: [click(0, { at: ago(600 + 301) })] },
      ["malformed"],
    ],
    ["expired", { token: old, events: [click(0), click(1)] }, ["expired", "expired"]],
    ["forged", { token: `${tokenOf(1).slice(0, -4)}AAAA`, events: [click(0)] }, ["forged"]],
    ["foreign", { token: foreign, events: [click(0)] }, ["foreign"]],
    [
      "malformed by its label",
      { token: tokenOf(1), events: [{ label: "view" }, click(2)] },
      ["malformed", "accepted"],
    ],
    ["malformed by its row", { token: tokenOf(1), events: [click(10)] }, ["malformed"]],
    ["malformed by its token", { token: "abc", events: [click(0), click(1)] }, ["malformed", "malformed"]],
    ["malformed as a whole", { token: 5, events: [click(0)] }, ["malformed"]],
    [
      "of a list that is longer than its token describes",
      {
        token: tokenOf(1, { rows: 1_000, scores: new Uint16Array(64), rowIndexes: new Uint16Array(64) }),
        events: [click(999)],
      },
      ["accepted"],
    ],
    ["nothing but final", { token: tokenOf(1), final: true, shown: [2, 1, 0] }, []],
  ])("%s", async (_, body, expected) => {
    await withCollector(async (collector) => {
      const [answer] = await collector.feedback(JSON.stringify(body), true);
      expect(answer?.events).toEqual(expected);
      expect(answer?.error === undefined).toBe(
        !expected.some((result) => /expired|forged|foreign|malformed/.test(result)),
      );
    });
  });

  test("one order of a user is one, with whatever token it comes", async () => {
    await withCollector(async (collector) => {
      const order = (request: number) => ({
        token: tokenOf(request, { user: "ann" }),
        events: [{ label: "order", id: "A-17", value: 20 }],
      });
      const stranger = { ...order(3), token: tokenOf(3, { user: "bob" }) };
      const answers = await collector.feedback(JSON.stringify([order(1), order(2), stranger]), true);
      expect(answers.map(({ events }) => events)).toEqual([["accepted"], ["duplicate"], ["accepted"]]);
    });
  });

  test("NDJSON, one line of which is not JSON, is answered by line", async () => {
    await withCollector(async (collector) => {
      const line = JSON.stringify({ token: tokenOf(1), events: [click(0)] });
      const answers = await collector.feedback(`${line}\n{oops\n${line}\n`, true);
      expect(answers.map(({ events }) => events)).toEqual([["accepted"], ["malformed"], ["duplicate"]]);
    });
  });
});

describe("evidence", () => {
  test("labels count at their impression, whichever comes first", async () => {
    await withCollector(async (collector) => {
      const seconds = NOW_SECONDS - 3_600;
      await collector.feedback(
        JSON.stringify([
          { token: tokenOf(1, { seconds, arm: 1 }), events: [click(0), { label: "order", value: 500 }] },
        ]),
        true,
      );
      const before = await collector.evidence("ranker", { from: slotNow - 120, to: slotNow });
      expect(before.arms).toEqual([]);
      await collector.impressions(
        batchOf(1, [{ token: tokenOf(1, { seconds, arm: 1 }) }, { token: tokenOf(2, { seconds }) }]),
      );
      expect(totals(await collector.evidence("ranker"))).toEqual([
        { epoch: 1, arm: 0, n: 1, ctr: [0, 0], revenue: [0, 0] },
        // The click came after an hour: too late to promote, not too late to warn.
        { epoch: 1, arm: 1, n: 1, ctr: [1, 0], revenue: [100, 100] },
      ]);
    });
  });

  test("a missing batch takes its slots out of all arms, until it comes", async () => {
    await withCollector(async (collector) => {
      const now = NOW_SECONDS * 1_000;
      const at = (minutes: number) => ({ seconds: NOW_SECONDS - minutes * 60 });
      const head = (closed: number) => ({ closedAt: now - closed * 60_000, to: now - closed * 60_000 });
      await collector.impressions(batchOf(1, [{ token: tokenOf(1, at(60)) }], head(50)));
      await collector.impressions(
        batchOf(3, [{ token: tokenOf(3, at(35)) }, { token: tokenOf(4, at(20)) }], head(30)),
      );
      await collector.impressions(batchOf(4, [], head(1)));
      const before = await collector.evidence("ranker");
      const slot = (minutes: number) => Math.floor((NOW_SECONDS - minutes * 60) / 60);
      expect(before.voided).toEqual([{ first: slot(50), last: slot(30) }]);
      expect(totals(before).map(({ n }) => n)).toEqual([2]);
      await collector.impressions(batchOf(2, [{ token: tokenOf(2, at(45)) }], head(40)));
      const after = await collector.evidence("ranker");
      // Those alone that are asked for, and they are the same.
      const { arms, metrics } = await collector.evidence("ranker", { metrics: ["ctr", "unknown"] });
      expect(Object.keys(metrics)).toEqual(["ctr"]);
      for (const [index, arm] of arms.entries()) {
        expect(arm.metrics).toEqual({ ctr: after.arms[index]?.metrics["ctr"] });
      }
      expect(after.voided).toEqual([]);
      expect(totals(after).map(({ n }) => n)).toEqual([4]);
    });
  });

  test("more requests with labels than requests: the slot is out", async () => {
    await withCollector(async (collector) => {
      const user = "ann";
      await collector.impressions(batchOf(1, [{ token: tokenOf(1, { user }) }]));
      const both = [1, 2].map((request) => ({ token: tokenOf(request, { user }), events: [click(0)] }));
      await collector.feedback(JSON.stringify(both), true);
      const { arms, voided } = await collector.evidence("ranker");
      expect(arms).toEqual([]);
      expect(voided).toHaveLength(1);
    });
  });

  test("answers in the arm of their user, and in another one, are told apart", async () => {
    await withCollector(async (collector) => {
      const { untold, unchecked, right, wrong } = ARM_CHECK;
      const checks = [untold, unchecked, right, right, wrong];
      const requests = checks.map((armCheck, index) => ({ token: tokenOf(index, { arm: 1, armCheck }) }));
      const own = { token: tokenOf(9, { arm: 1, armCheck: wrong }), excluded: true };
      await collector.impressions(batchOf(1, [...requests, own, { token: tokenOf(10) }]));
      const [stable, candidate] = (await collector.evidence("ranker")).arms;
      expect(stable?.armChecks).toEqual({ told: 0, checked: 0, wrong: 0 });
      expect(candidate?.armChecks).toEqual({ told: 4, checked: 3, wrong: 1 });
    });
  });

  test("its counters tell the means of quality metrics by arm, and nothing twice", async () => {
    await withCollector(async (collector) => {
      const seconds = NOW_SECONDS - 3_600;
      const [stable, candidate] = [tokenOf(1, { seconds }), tokenOf(2, { seconds, arm: 1 })];
      await collector.impressions(
        batchOf(1, [{ token: stable }, { token: candidate }, { token: tokenOf(3) }]),
      );
      const order = { label: "order", value: 30 };
      const both = [
        { token: stable, events: [click(0), click(1)] },
        { token: candidate, events: [order] },
      ];
      for (let post = 0; post < 2; post++) await collector.feedback(JSON.stringify(both), true);
      const before = await qualityOf(collector);
      expect(before).toEqual([
        'requests_total{model_deployment="ranker",arm="Candidate"} 1',
        'requests_total{model_deployment="ranker",arm="Stable"} 2',
        'sum_total{model_deployment="ranker",metric="conversion",arm="Candidate"} 1',
        'sum_total{model_deployment="ranker",metric="ctr",arm="Stable"} 1',
        'sum_total{model_deployment="ranker",metric="revenue",arm="Candidate"} 30',
        'taken_total{model_deployment="ranker",metric="conversion",arm="Candidate"} 0',
        'taken_total{model_deployment="ranker",metric="ctr",arm="Stable"} 0',
        'taken_total{model_deployment="ranker",metric="revenue",arm="Candidate"} 0',
      ]);
      // Sums that are made anew from what is kept are no news.
      const renamed = SETTINGS_TEXT.replace('"cap":100', '"cap":20');
      await collector.configure(parseSettings(renamed));
      while ((await collector.evidence("ranker")).metrics["revenue"]?.rebuilding) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      expect(await qualityOf(collector)).toEqual(before);
    });
  });

  test("what a later label takes from a metric of lists is counted by itself, and so are lists without an order", async () => {
    await withCollector(
      async (collector) => {
        const list = tokenOf(1);
        await collector.impressions(batchOf(1, [{ token: list }, { token: tokenOf(2) }]));
        const post = (token: string, event: object) =>
          collector.feedback(JSON.stringify({ token, events: [event] }), true);
        await post(list, click(0, { pos: 1 }));
        // Half of what was relevant is at the first of five places now: 1 becomes 1 / (1 + 1 / log2(3)).
        await post(list, click(1, { pos: 6 }));
        await post(tokenOf(2), click(0));
        const lines = await qualityOf(collector);
        const of = (name: string, metric: string) => {
          const start = `${name}{model_deployment="ranker",metric="${metric}",arm="Stable"} `;
          return Number(lines.find((line) => line.startsWith(start))?.slice(start.length));
        };
        expect(of("sum_total", "ndcg")).toBe(1);
        expect(of("sum_total", "ndcg") - of("taken_total", "ndcg")).toBeCloseTo(
          1 / (1 + 1 / Math.log2(3)),
          5,
        );
        expect([of("sum_total", "mrr"), of("taken_total", "mrr")]).toEqual([1, 0]);
        expect(of("unordered_requests_total", "mrr")).toBe(1);
      },
      { settings: parseSettings(LISTS_TEXT) },
    );
  });

  test("own traffic does not count, and takes its labels with it", async () => {
    await withCollector(async (collector) => {
      const token = tokenOf(1);
      await collector.feedback(JSON.stringify({ token, events: [click(0)] }), true);
      await collector.impressions(
        batchOf(1, [{ token, excluded: true }, { token: tokenOf(2, { user: "user-1" }) }]),
      );
      await collector.feedback(JSON.stringify({ token, events: [click(1)] }), true);
      expect(totals(await collector.evidence("ranker"))).toEqual([
        { epoch: 1, arm: 0, n: 1, ctr: [0, 0], revenue: [0, 0] },
      ]);
    });
  });

  test("another maturity is another sum, made from what is kept", async () => {
    await withCollector(async (collector) => {
      const seconds = NOW_SECONDS - 3_600;
      const token = tokenOf(1, { seconds });
      await collector.feedback(JSON.stringify({ token, events: [click(0)] }), true);
      await collector.impressions(batchOf(1, [{ token }]));
      await collector.configure(parseSettings(SETTINGS_TEXT.replace("30m", "2h")));
      expect((await collector.evidence("ranker")).metrics["ctr"]?.rebuilding).toBe(true);
      while ((await collector.evidence("ranker")).metrics["ctr"]?.rebuilding) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      expect(totals(await collector.evidence("ranker"))[0]?.ctr).toEqual([1, 1]);
    });
  });
});

describe("keys", () => {
  test("a token of a key that is published later, or gone, is forged in between", async () => {
    await withCollector(async (collector) => {
      const body = JSON.stringify({ token: tokenOf(1), events: [click(0)] });
      const empty = KeyRing.parse(JSON.stringify({ users: Buffer.alloc(32).toString("base64"), keys: [] }));
      collector.useKeys(empty);
      expect((await collector.feedback(body, true))[0]?.events).toEqual(["forged"]);
      collector.useKeys(RING);
      expect((await collector.feedback(body, true))[0]?.events).toEqual(["accepted"]);
    });
  });
});

describe("bounds", () => {
  test("what is kept is the newest, and what was forgotten is expired", async () => {
    const retention = { requestSeconds: 96 * 3_600, maximumRequests: 5, evidenceSeconds: 1_080 * 3_600 };
    await withCollector(
      async (collector) => {
        const tokens = Array.from({ length: 20 }, (_, index) =>
          tokenOf(index, { seconds: NOW_SECONDS - 2_000 + index }),
        );
        const body = JSON.stringify(tokens.map((token) => ({ token, events: [click(0)] })));
        await collector.feedback(body, true);
        let results: readonly unknown[] = [];
        // What is too much is forgotten every second, of which nobody is told.
        while (results.filter((result) => result === "expired").length < 15) {
          await new Promise((resolve) => setTimeout(resolve, 50));
          results = (await collector.feedback(body, true)).map(({ events }) => events[0]);
        }
        expect(results).toEqual([...Array(15).fill("expired"), ...Array(5).fill("duplicate")]);
      },
      { retention },
    );
  });

  test("more events than may wait are refused, and may come again", async () => {
    await withCollector(
      async (collector) => {
        const body = (request: number) =>
          JSON.stringify({ token: tokenOf(request), events: [click(0), click(1)] });
        const posts = await Promise.allSettled(
          [1, 2, 3].map((request) => collector.feedback(body(request), true)),
        );
        expect(posts.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected"]);
        expect(posts[1]).toMatchObject({ reason: { reason: "Overloaded" } });
        expect((await collector.feedback(body(2), true))[0]?.events).toEqual(["accepted", "accepted"]);
      },
      { maximumWaiting: 3 },
    );
  });

  test("a second process on the file is refused", async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "evidence.db");
      const collector = openCollector(path);
      expect(() => openCollector(path)).toThrow(StoreError);
      await collector.close();
    });
  }, 60_000);
});

describe("partitions", () => {
  test("objects of another partition are handed on, and answered in their place", async () => {
    await withCollector(
      async (second) => {
        await withCollector(
          async (first) => {
            const tokens = Array.from({ length: 8 }, (_, index) => tokenOf(index));
            const body = JSON.stringify(
              tokens.map((token, index) => ({
                token,
                events: index % 3 === 0 ? [click(0)] : [click(0), click(0)],
              })),
            );
            const answers = await first.feedback(body, true);
            expect(answers.map(({ events }) => events.length)).toEqual([1, 2, 2, 1, 2, 2, 1, 2]);
            expect(answers.every(({ events }) => events[0] === "accepted")).toBe(true);
            await expect(first.feedback(body, false)).rejects.toMatchObject({ reason: "WrongPartition" });
          },
          {
            partition: { index: 0, count: 2 },
            handOn: (partition, said) => {
              expect(partition).toBe(1);
              expect(said.length).toBeGreaterThan(0);
              return second.feedback(JSON.stringify(said), false);
            },
          },
        );
      },
      { partition: { index: 1, count: 2 } },
    );
  });
});
