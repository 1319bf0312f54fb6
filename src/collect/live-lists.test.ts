/**
 * Metrics of lists through the collector: what is posted as impressions and feedback gives the numbers that other tools
 * give for the same requests, requests without a label among them.
 */
import { expect, test } from "@jest/globals";
import type { ArmMetric } from "./evidence.ts";
import { parseSettings } from "./settings.ts";
import { batchOf, NOW_SECONDS, SETTINGS_TEXT, tokenOf, withCollector } from "./testdata/collecting.ts";

/** One request: the rows as they were displayed, and the value of each row's label, by its place. */
type List = readonly number[];

/** The grades of rows with these scores, the best row first. */
function ranked(scores: readonly number[], grades: readonly number[]): List {
  return scores
    .map((score, row) => ({ score, grade: grades[row] ?? 0 }))
    .sort((a, b) => b.score - a.score)
    .map(({ grade }) => grade);
}

const GRADES = ranked([0.1, 0.2, 0.3, 4, 70], [10, 0, 0, 1, 5]);
/** Three people of Evidently's ranking examples: the first relevant row is first, nowhere, third. */
const PEOPLE: readonly List[] = [[1, 0, 0, 0, 0], [], [0, 0, 1, 0, 0]];
const TREC = [
  ranked([9, 11, 1, 3, 2, 4, 6, 7, 0, 10, 5, 8], [3, 1, 0, 0, 1]),
  ranked([5, 4, 2, 7, 9, 6, 10, 11, 1, 3, 0, 8], [0, 0, 0, 0, 0, 0, 0, 1]),
  ranked([6, 1, 11, 2, 8, 0, 5, 4, 9, 7, 3, 10], [0, 0, 0, 1, 2, 0, 0, 0, 1, 2, 2]),
];

type Golden = readonly [settings: object, lists: readonly List[], value: number];

// The values of scikit-learn 1.9.1, Evidently and trec_eval 9, as in src/metrics/golden.test.ts.
const GOLDEN: readonly Golden[] = [
  [{ type: "DCG", cap: 100 }, [GRADES], 9.499457825916874],
  [{ type: "NDCG" }, [GRADES], 0.6956940443813076],
  [{ type: "NDCG" }, [[0, 1]], 0.6309297535714575],
  [{ type: "NDCG" }, [[0, 0, 1]], 0.5],
  [{ type: "MRR", k: 3 }, PEOPLE, 0.4444444444444444],
  [{ type: "HitRate", k: 3 }, PEOPLE, 0.6666666666666666],
  [{ type: "MAP" }, [[1, 0, 1]], 0.8333333333333333],
  [{ type: "MAP", k: 5 }, TREC, 0.614074074074074],
  [{ type: "MAP", k: 10 }, TREC, 0.7103703703703702],
  [{ type: "NDCG", k: 5 }, TREC, 0.6751761178155871],
  [{ type: "NDCG", k: 10 }, TREC, 0.7569811534716516],
  [{ type: "MRR", k: 1000 }, TREC, 0.7777777777777778],
  [{ type: "HitRate", k: 1 }, TREC, 0.6666666666666666],
  [{ type: "HitRate", k: 5 }, TREC, 1],
  [{ type: "LabelRatio", label: "click", cap: 3 }, [GRADES, [], [1, 1], []], 5 / 4],
];

const settingsOf = (metric: object) => {
  const file = JSON.parse(SETTINGS_TEXT);
  file.deployments[0].metrics = [{ name: "m", label: "click", ...metric }];
  return parseSettings(JSON.stringify(file));
};
const eventOf = (row: number, value: number, more: object = {}) => ({ label: "click", row, value, ...more });
const total = (numbers: readonly number[] = []) => numbers.reduce((sum, number) => sum + number, 0);

async function counted(
  settings: object,
  bodies: readonly object[],
  requests: number,
): Promise<{ readonly n: number; readonly metric: ArmMetric }> {
  return withCollector(
    async (collector) => {
      const lines = Array.from({ length: requests }, (_, request) => ({ token: tokenOf(request) }));
      await collector.impressions(batchOf(1, lines));
      // One after the other: what a request adds is replaced by what it adds with one label more.
      for (const body of bodies) await collector.feedback(JSON.stringify(body), true);
      const [arm] = (await collector.evidence("ranker")).arms;
      return { n: total(arm?.n), metric: arm?.metrics["m"] ?? {} };
    },
    { settings: settingsOf(settings) },
  );
}

test.each(GOLDEN)("%j of %j is %d, whether rows or positions are told", async (settings, lists, value) => {
  // The rows stand in another order than the model's: the last one is displayed first.
  const byRows = lists.flatMap((list, request) =>
    list.map((gain, place) => ({
      token: tokenOf(request),
      shown: list.map((_, at) => list.length - 1 - at),
      events: [eventOf(list.length - 1 - place, gain)],
    })),
  );
  const byPositions = lists.flatMap((list, request) =>
    list.flatMap((gain, place) =>
      gain === 0
        ? []
        : [{ token: tokenOf(request), events: [eventOf((place + 3) % 10, gain, { pos: place + 1 })] }],
    ),
  );
  // Ten rows have a token of these tests; a list that is longer has its rows told.
  const ways = lists.every((list) => list.length <= 10) ? [byRows, byPositions] : [];
  const rowsOf12 = lists.flatMap((list, request) =>
    list.map((gain, place) => ({
      token: tokenOf(request, { rows: 12, scores: new Uint16Array(0) }),
      events: [eventOf(place, gain, { pos: place + 1 })],
    })),
  );
  for (const bodies of [rowsOf12, ...ways]) {
    const { n, metric } = await counted(settings, bodies, lists.length);
    expect(n).toBe(lists.length);
    expect(total(metric.arrived) / n).toBeCloseTo(value, 5);
    expect(metric.matured).toEqual(metric.arrived);
  }
});

test("a request whose places nobody told adds nothing and is counted, until they are told", async () => {
  const click = { token: tokenOf(0), events: [eventOf(4, 1)] };
  const other = { token: tokenOf(1), events: [eventOf(1, 1, { pos: 2 })] };
  const before = await counted({ type: "MRR" }, [click, other], 3);
  expect(total(before.metric.arrived)).toBe(0.5);
  expect(before.metric.unordered).toBe(1);
  const shown = { token: tokenOf(0), shown: [9, 8, 7, 4] };
  const after = await counted({ type: "MRR" }, [click, other, shown], 3);
  expect(total(after.metric.arrived)).toBe(0.75);
  expect(after.metric.unordered).toBe(0);
});

test("a label of a request as a whole says nothing of its list", async () => {
  const { metric } = await counted(
    { type: "HitRate" },
    [{ token: tokenOf(0), events: [{ label: "click" }] }],
    1,
  );
  expect(total(metric.arrived)).toBe(0);
  expect(metric.unordered).toBe(0);
});

test("what is told of places after the maturity changes no matured sum", async () => {
  const seconds = NOW_SECONDS - 3_600;
  const token = tokenOf(0, { seconds });
  const early = { at: new Date((seconds + 60) * 1_000).toISOString() };
  const click = { token, events: [eventOf(4, 1, early)] };
  // The label matures in half an hour; the rows are told an hour after the prediction.
  const shown = { token, shown: [4] };
  const settings = { settings: settingsOf({ type: "MRR" }) };
  await withCollector(async (collector) => {
    await collector.impressions(batchOf(1, [{ token }]));
    await collector.feedback(JSON.stringify(click), true);
    await collector.feedback(JSON.stringify(shown), true);
    const late = (await collector.evidence("ranker")).arms[0]?.metrics["m"];
    expect([total(late?.arrived), total(late?.matured)]).toEqual([1, 0]);
    // The same rows, told again with a label that was in time.
    const order = { label: "order", row: 0, ...early };
    await collector.feedback(JSON.stringify({ ...shown, events: [order] }), true);
    const known = (await collector.evidence("ranker")).arms[0]?.metrics["m"];
    expect([total(known?.arrived), total(known?.matured)]).toEqual([1, 1]);
  }, settings);
});
