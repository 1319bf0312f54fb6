/**
 * Declarations that cannot be counted, and choices of a single metric that the conformance table does not show.
 */
import { expect, test } from "@jest/globals";
import type { MetricSettings, ScoreMeaning } from "./metric.ts";
import { MetricSettingsError } from "./metric-settings-error.ts";
import { createMetric } from "./register.ts";
import { settledRequest } from "./settled-request.ts";

const PROBABILITY: ScoreMeaning = { probability: true, higherIsBetter: true };
const SCORE: ScoreMeaning = { probability: false, higherIsBetter: true };

const REFUSED: readonly [settings: object, meaning: ScoreMeaning, message: string][] = [
  [{ type: "Lift" }, PROBABILITY, "expected one of the types ClickThroughRate"],
  [{ type: "toString" }, PROBABILITY, "expected one of the types ClickThroughRate"],
  [{ type: "NDCG", k: 0 }, SCORE, "expected k to be a whole number from 1 to 1000, found 0"],
  [{ type: "NDCG", k: 1.5 }, SCORE, "expected k to be a whole number from 1 to 1000, found 1.5"],
  [{ type: "RevenuePerRequest", cap: 0 }, SCORE, "expected cap to be a number above 0, found 0"],
  [{ type: "RevenuePerRequest", cap: Number.NaN }, SCORE, "expected cap to be a number above 0, found NaN"],
  [{ type: "Accuracy", threshold: Number.NaN }, SCORE, "expected threshold to be a number, found NaN"],
  [{ type: "CatalogueCoverage" }, SCORE, "expected catalogueSize, found none"],
  [{ type: "CatalogueCoverage", catalogueSize: 0 }, SCORE, "from 1 on, found 0"],
  [{ type: "LabelRatio" }, SCORE, "expected label, found none"],
  [{ type: "LogLoss" }, SCORE, "expected scores that are probabilities for LogLoss"],
  [{ type: "AreaUnderCurve" }, SCORE, "or edges of bins for scores that are not, found neither"],
  [{ type: "ClickThroughRate", k: 3 }, SCORE, "expected of ClickThroughRate only label, found k"],
];

test.each(REFUSED)("%j is refused", (settings, meaning, message) => {
  const create = () => createMetric({ name: "m", ...settings } as MetricSettings, meaning);
  expect(create).toThrow(MetricSettingsError);
  expect(create).toThrow(message);
});

function count(settings: object, meaning: ScoreMeaning, ...requests: Parameters<typeof settledRequest>[]) {
  const metric = createMetric({ name: "m", ...settings } as MetricSettings, meaning);
  const sums = new Float64Array(metric.sums.length);
  for (const request of requests) metric.add(settledRequest(...request), sums);
  const named = Object.fromEntries(metric.sums.map(({ name }, index) => [name, sums[index]]));
  return { value: metric.value(sums), sums: named };
}

const CLICK = [{ label: "click", row: 0, value: 1 }];

test("a probability outside 0 to 1 is refused and counted; a row without a score is counted too", () => {
  const rows = [{ row: 0, score: 0.5 }, { row: 1, score: 1.5 }, { row: 2, score: -0.1 }, { row: 3 }];
  const { value, sums } = count({ type: "BrierScore" }, PROBABILITY, [rows, CLICK]);
  expect(value).toBe(0.25);
  expect(sums).toMatchObject({ rows: 1, refused_scores: 2, unscored_rows: 1 });
});

test("scores of any size have an area under the curve between the edges of the revision", () => {
  const rows = [-3, 12, 900, 4000].map((score, row) => ({ row, score }));
  const meaning = { ...SCORE, scoreEdges: [0, 100, 1000] };
  const best = [{ label: "click", row: 3, value: 1 }];
  expect(count({ type: "AreaUnderCurve" }, meaning, [rows, best]).value).toBe(1);
  const lower = { ...meaning, higherIsBetter: false };
  expect(count({ type: "AreaUnderCurve" }, lower, [rows, best]).value).toBe(0);
});

test("where a lower score is better, it comes first and is predicted to be positive", () => {
  const lower = { ...PROBABILITY, higherIsBetter: false };
  const rows = [
    { row: 0, score: 0.1 },
    { row: 1, score: 0.9 },
  ];
  expect(count({ type: "MRR" }, lower, [rows, CLICK]).value).toBe(1);
  expect(count({ type: "Accuracy" }, lower, [rows, CLICK]).value).toBe(1);
});

test("a click of which no order is known is left out and counted", () => {
  const known: Parameters<typeof settledRequest> = [[{ row: 0, score: 1 }], CLICK];
  const { value, sums } = count({ type: "MRR" }, SCORE, [[], CLICK], [[], []], known);
  expect(value).toBe(1 / 2);
  expect(sums).toMatchObject({ requests: 2, unordered_requests: 1 });
});

test("a click that alone says where it was displayed counts there", () => {
  const label = { label: "click", row: 7, position: 3, value: 1 };
  const { value } = count({ type: "DCG" }, SCORE, [[], [label]]);
  expect(value).toBe(1 / 2);
});

test("of two rows that claim one position, one is taken to be behind the other", () => {
  const rows = [
    { row: 0, position: 1 },
    { row: 1, position: 1 },
  ];
  const labels = [...CLICK, { label: "click", row: 1, value: 1 }];
  expect(count({ type: "NDCG", order: "Displayed" }, SCORE, [rows, labels]).value).toBe(1);
});

test("rows of one score stand as the model answered them", () => {
  const rows = [
    { row: 1, score: 1 },
    { row: 0, score: 1 },
  ];
  expect(count({ type: "MRR" }, SCORE, [rows, [{ label: "click", row: 1, value: 1 }]]).value).toBe(1 / 2);
});

test("a row with the label behind all known places counts as one that was not found", () => {
  const rows = [
    { row: 0, score: 3 },
    { row: 1, score: 2 },
  ];
  const labels = [...CLICK, { label: "click", row: 70, value: 1 }];
  expect(count({ type: "MAP" }, SCORE, [rows, labels]).value).toBe(1 / 2);
});

test("returned goods lower a request's revenue, to no less than 0", () => {
  const order = (value: number) => ({ label: "order", value });
  const { value } = count(
    { type: "RevenuePerRequest" },
    SCORE,
    [[], [order(50), order(-20)]],
    [[], [order(-20)]],
  );
  expect(value).toBe(15);
});
