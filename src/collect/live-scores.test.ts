/**
 * Metrics of scores through the collector: what is posted as impressions and feedback gives the numbers that other tools
 * give for the same scores and labels, rows without a label among them.
 */
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { inFolder } from "../process/testdata/in-folder.ts";
import { describeRows } from "../token/described-rows.ts";
import type { Collector } from "./collector.ts";
import type { RevisionAnswer } from "./score-reader.ts";
import { parseSettings } from "./settings.ts";
import {
  batchOf,
  NOW_SECONDS,
  openCollector,
  SETTINGS_TEXT,
  type TokenFields,
  tokenOf,
  withCollector,
} from "./testdata/collecting.ts";

/** When the requests of these tests came: their half hour ended, and its labels have matured. */
const THEN = NOW_SECONDS - 6_000;
const HEAD = { startedAt: (NOW_SECONDS - 90_000) * 1_000 };

const settingsOf = (...metrics: readonly object[]) => {
  const file = JSON.parse(SETTINGS_TEXT);
  file.deployments[0].metrics = metrics.map((metric, index) => ({
    ...{ name: `m${index}`, label: "click" },
    ...metric,
  }));
  return parseSettings(JSON.stringify(file));
};

/** A token of an answer whose rows have these scores. */
function scored(request: number, scores: readonly number[], fields: TokenFields = {}): string {
  const described = describeRows(scores.length, (row) => scores[row] ?? Number.NaN);
  return tokenOf(request, { seconds: THEN, rows: scores.length, ...described, ...fields });
}

const click = (row: number, more: object = {}) => ({ label: "click", row, at: at(60), ...more });
const at = (delaySeconds: number) => new Date((THEN + delaySeconds) * 1_000).toISOString();

async function revisionsOf(collector: Collector, metric = "m0"): Promise<readonly RevisionAnswer[]> {
  return (await collector.scores("ranker")).metrics[metric]?.revisions ?? [];
}

const TEN = {
  scores: [0.9, 0.1, 0.2, 0.65, 0.55, 0.3, 0.02, 0.45, 0.5, 0.77],
  labels: [1, 0, 0, 1, 0, 1, 0, 0, 0, 1],
};
const FOUR = { scores: [0.1, 0.4, 0.35, 0.8], labels: [0, 0, 1, 1] };

// The values of scikit-learn 1.9.1, as in src/metrics/golden.test.ts.
const GOLDEN: readonly (readonly [metric: object, rows: typeof TEN, value: number])[] = [
  [{ type: "LogLoss" }, TEN, 0.4439679652033518],
  [{ type: "LogLoss" }, { scores: [0, 0.3], labels: [1, 0] }, 18.200164166527944],
  [{ type: "LogLoss" }, { scores: [0.9, 0.1, 0.2, 0.65], labels: [1, 0, 0, 1] }, 0.21616187468057912],
  [{ type: "BrierScore" }, { scores: [0.1, 0.9, 0.8, 0.3], labels: [0, 1, 1, 0] }, 0.0375],
  [{ type: "BrierScore" }, TEN, 0.14808],
  [{ type: "CalibrationError" }, TEN, 0.32],
  [{ type: "AreaUnderCurve" }, TEN, 0.875],
  [{ type: "AreaUnderCurve" }, FOUR, 0.75],
  [{ type: "Accuracy" }, TEN, 0.7],
  [{ type: "Precision" }, TEN, 0.6],
  [{ type: "Recall" }, TEN, 0.75],
  [{ type: "F1" }, TEN, 0.6666666666666666],
  [{ type: "Recall", threshold: 0.3 }, TEN, 1],
];

test.each(GOLDEN)("%j of %j is %d, of one list and of requests of one row", async (metric, rows, value) => {
  const list = {
    tokens: [scored(0, rows.scores)],
    labels: rows.labels.flatMap((label, row) => (label === 0 ? [] : [{ token: 0, event: click(row) }])),
  };
  const single = {
    tokens: rows.scores.map((score, request) => scored(request, [score])),
    // What is told of a request of one row is told of that row.
    labels: rows.labels.flatMap((label, token) =>
      label === 0 ? [] : [{ token, event: { label: "click", at: at(60) } }],
    ),
  };
  for (const { tokens, labels } of [list, single]) {
    await withCollector(
      async (collector) => {
        await collector.impressions(
          batchOf(
            1,
            tokens.map((token) => ({ token })),
            HEAD,
          ),
        );
        for (const { token, event } of labels) {
          await collector.feedback(JSON.stringify({ token: tokens[token], events: [event] }), true);
        }
        const [revision, ...others] = await revisionsOf(collector);
        expect(others).toEqual([]);
        expect(revision?.requests).toBe(tokens.length);
        expect(Math.abs((revision?.value ?? Number.NaN) - value)).toBeLessThan(1e-5);
      },
      { settings: settingsOf(metric) },
    );
  }
});

const ACCURACY = settingsOf({ type: "Accuracy", threshold: 0.5 });
/** Of the sums of accuracy: true and false positives, false and true negatives, without a score, refused. */
const sumsOf = (revisions: readonly RevisionAnswer[]) => revisions.map(({ sums }) => sums);

test("what is said twice, late, of a row that is not described or of own traffic changes nothing", async () => {
  const many = Array.from({ length: 70 }, () => 0.9);
  const tokens = [scored(0, [0.9, 0.2]), scored(1, many), scored(2, [0.9])];
  await withCollector(
    async (collector) => {
      const lines = tokens.map((token, request) => (request === 2 ? { token, excluded: true } : { token }));
      await collector.impressions(batchOf(1, lines, HEAD));
      const post = (token: number, ...events: readonly object[]) =>
        collector.feedback(JSON.stringify({ token: tokens[token], events }), true);
      expect(sumsOf(await revisionsOf(collector))).toEqual([[0, 65, 0, 1, 0, 0]]);
      await post(0, click(0));
      const once = await revisionsOf(collector);
      expect(sumsOf(once)).toEqual([[1, 64, 0, 1, 0, 0]]);
      await post(0, click(0));
      await post(0, click(1, { at: at(1_801) }));
      await post(1, click(66));
      await post(2, click(0));
      await collector.impressions(batchOf(1, lines, HEAD));
      expect(await revisionsOf(collector)).toEqual(once);
      // A row that is known not to have it stays as it is; one that has it in time counts, though it is told of later.
      await post(0, click(1, { value: 0, id: "a" }));
      expect(await revisionsOf(collector)).toEqual(once);
      await post(0, click(1, { id: "b" }));
      expect(sumsOf(await revisionsOf(collector))).toEqual([[1, 64, 1, 0, 0, 0]]);
    },
    { settings: ACCURACY },
  );
});

test("a score that is no probability is counted and left out, whatever becomes of its row", async () => {
  const token = scored(0, [Number.NaN, 1.5, 0.7]);
  await withCollector(
    async (collector) => {
      await collector.impressions(batchOf(1, [{ token }], HEAD));
      await collector.feedback(JSON.stringify({ token, events: [click(0), click(2)] }), true);
      expect(sumsOf(await revisionsOf(collector))).toEqual([[1, 0, 0, 0, 0, 2]]);
    },
    { settings: ACCURACY },
  );
});

test("arms are told apart, and so is the revision that an arm fell back to", async () => {
  const tokens = [
    scored(0, [0.9]),
    scored(1, [0.9], { arm: 1, revision: 7, epoch: 2 }),
    scored(2, [0.1], { arm: 1, revision: 8, epoch: 2 }),
    scored(3, [0.1], { arm: 1, revision: 7, epoch: 3 }),
  ];
  await withCollector(
    async (collector) => {
      await collector.impressions(
        batchOf(
          1,
          tokens.map((token) => ({ token })),
          HEAD,
        ),
      );
      expect(
        (await revisionsOf(collector)).map(({ arm, revision, sums }) => [arm, revision, sums[1], sums[3]]),
      ).toEqual([
        [0, expect.stringMatching(/^[0-9a-f]{8}$/), 1, 0],
        [1, "00000007", 1, 1],
        [1, "00000008", 0, 1],
      ]);
    },
    { settings: ACCURACY },
  );
});

test("only half hours whose labels have matured are read, and none of which a piece is missing", async () => {
  const young = NOW_SECONDS - 1_200;
  const [old, other] = [scored(0, [0.9]), scored(1, [0.9], { seconds: young })];
  let now = NOW_SECONDS * 1_000;
  await withCollector(
    async (collector) => {
      await collector.impressions(batchOf(1, [{ token: old }, { token: other }], HEAD));
      expect(sumsOf(await revisionsOf(collector))).toEqual([[0, 1, 0, 0, 0, 0]]);
      now += 5_400_000;
      const later = { ...HEAD, closedAt: now, to: now - 1_000 };
      await collector.impressions(batchOf(2, [], later));
      expect(sumsOf(await revisionsOf(collector))).toEqual([[0, 2, 0, 0, 0, 0]]);
      // A gap in a minute without an answer of these, in the half hour of the first.
      const gap = { from: (THEN + 60) * 1_000, to: (THEN + 61) * 1_000 };
      await collector.impressions(batchOf(3, [], { ...later, gaps: [gap] }));
      const { metrics } = await collector.scores("ranker");
      expect(metrics["m0"]).toMatchObject({ leftOut: 1, revisions: [{ sums: [0, 1, 0, 0, 0, 0] }] });
    },
    { settings: ACCURACY },
    () => now,
  );
});

test("a half hour is left out where the log has lost the scores that labels are counted against", async () => {
  const tokens = [scored(0, [0.9]), scored(1, [0.9])];
  await withCollector(
    async (collector) => {
      const lines = [{ token: tokens[0] }, { token: tokens[1]?.slice(0, 72) }];
      await collector.impressions(batchOf(1, lines, HEAD));
      const { metrics } = await collector.scores("ranker");
      expect(metrics["m0"]).toMatchObject({ leftOut: 1, revisions: [] });
    },
    { settings: ACCURACY },
  );
});

test("an answer without scores counts in no metric of scores, nor do its labels", async () => {
  const token = tokenOf(0, { seconds: THEN, scores: new Uint16Array(0) });
  await withCollector(
    async (collector) => {
      await collector.impressions(batchOf(1, [{ token }], HEAD));
      await collector.feedback(JSON.stringify({ token, events: [click(0)] }), true);
      expect((await collector.scores("ranker")).metrics["m0"]).toMatchObject({ leftOut: 0, revisions: [] });
    },
    { settings: ACCURACY },
  );
});

test("a metric that is new begins with a half hour of which nothing is known, also when it comes back", async () => {
  const token = scored(0, [0.9]);
  const next = scored(1, [0.9], { seconds: NOW_SECONDS + 1_800 });
  let now = NOW_SECONDS * 1_000;
  await withCollector(
    async (collector) => {
      await collector.impressions(batchOf(1, [{ token }], HEAD));
      await collector.configure(settingsOf({ type: "Recall" }));
      await collector.configure(ACCURACY);
      await collector.feedback(JSON.stringify({ token, events: [click(0)] }), true);
      now += 7_200_000;
      await collector.impressions(batchOf(2, [{ token: next }], { ...HEAD, closedAt: now, to: now - 1_000 }));
      expect(sumsOf(await revisionsOf(collector))).toEqual([[0, 1, 0, 0, 0, 0]]);
    },
    { settings: ACCURACY },
    () => now,
  );
});

test(
  "a restart forgets nothing and tells nothing twice",
  () =>
    inFolder(async (folder) => {
      const path = join(folder, "evidence.db");
      const token = scored(0, [0.9, 0.2]);
      const tokens = [token, scored(1, [0.1], { arm: 1 })];
      const told = async (collector: Collector) => {
        for (let tries = 0; tries < 100; tries++) {
          const text = await collector.metrics.registry.getSingleMetricAsString("petrel_quality_score_value");
          if (text.includes("Candidate")) break;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        const lines = (await collector.metrics.registry.metrics()).split("\n");
        return lines.filter((line) => line.startsWith("petrel_quality_score") && !line.endsWith(" 0"));
      };
      const first = openCollector(path, { settings: ACCURACY });
      await first.feedback(JSON.stringify({ token, events: [click(0)] }), true);
      await first.impressions(
        batchOf(
          1,
          tokens.map((one) => ({ token: one })),
          HEAD,
        ),
      );
      const labels = (arm: string) => `model_deployment="ranker",metric="m0",arm="${arm}"`;
      const values = ["Stable", "Candidate"].map((arm) => `petrel_quality_score_value{${labels(arm)}} 1`);
      const before = await told(first);
      const answer = await first.scores("ranker");
      await first.close();
      expect(new Set(before)).toEqual(
        new Set([
          ...values,
          `petrel_quality_score_sum_total{${labels("Stable")},sum="true_positives",bin=""} 1`,
          `petrel_quality_score_sum_total{${labels("Stable")},sum="true_negatives",bin=""} 1`,
          `petrel_quality_score_sum_total{${labels("Candidate")},sum="true_negatives",bin=""} 1`,
        ]),
      );
      const second = openCollector(path, { settings: ACCURACY });
      expect(new Set(await told(second))).toEqual(new Set(values));
      expect(await second.scores("ranker")).toEqual(answer);
      await second.close();
    }),
  30_000,
);
