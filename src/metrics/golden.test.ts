/**
 * Numbers of other tools on the same data: scikit-learn 1.9.1 and trec_eval 9 (by pytrec-eval-terrier 0.5.11), and
 * published examples where a source is named. Rows are numbered in the order of the vectors.
 */
import { expect, test } from "@jest/globals";
import type { MetricSettings, MetricTypeName, ScoreMeaning } from "./metric.ts";
import { createMetric } from "./register.ts";
import { type SettledRequest, settledRequest } from "./settled-request.ts";

const PROBABILITY: ScoreMeaning = { probability: true, higherIsBetter: true };
const SCORE: ScoreMeaning = { probability: false, higherIsBetter: true };

/** A request whose rows have these scores and labels. */
function scored(scores: readonly number[], values: readonly number[]): SettledRequest {
  return settledRequest(
    scores.map((score, row) => ({ row, score })),
    values.map((value, row) => ({ label: "click", row, value })),
  );
}

/** A request that is known by the ranks of its rows with a click alone. */
function clickedAt(...ranks: number[]): SettledRequest {
  return settledRequest(
    Array.from({ length: 5 }, (_, row) => ({ row, rank: row + 1, position: row + 1 })),
    ranks.map((rank) => ({ label: "click", row: rank - 1, value: 1 })),
  );
}

const TEN = scored([0.9, 0.1, 0.2, 0.65, 0.55, 0.3, 0.02, 0.45, 0.5, 0.77], [1, 0, 0, 1, 0, 1, 0, 0, 0, 1]);
const FOUR = scored([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]);
const GRADES = [10, 0, 0, 1, 5];
/** Three requests of twelve rows with grades, random. */
const TREC = [
  scored([9, 11, 1, 3, 2, 4, 6, 7, 0, 10, 5, 8], [3, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]),
  scored([5, 4, 2, 7, 9, 6, 10, 11, 1, 3, 0, 8], [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]),
  scored([6, 1, 11, 2, 8, 0, 5, 4, 9, 7, 3, 10], [0, 0, 0, 1, 2, 0, 0, 0, 1, 2, 2, 0]),
];
/** Three people of Evidently's ranking examples: the first relevant row is first, nowhere, third. */
const PEOPLE = [clickedAt(1), clickedAt(), clickedAt(3)];

type Golden = readonly [
  type: MetricTypeName,
  settings: Partial<MetricSettings>,
  meaning: ScoreMeaning,
  requests: readonly SettledRequest[],
  value: number,
];

const GOLDEN: readonly Golden[] = [
  ["Accuracy", {}, PROBABILITY, [TEN], 0.7],
  ["Precision", {}, PROBABILITY, [TEN], 0.6],
  ["Recall", {}, PROBABILITY, [TEN], 0.75],
  ["F1", {}, PROBABILITY, [TEN], 0.6666666666666666],
  ["LogLoss", {}, PROBABILITY, [TEN], 0.4439679652033518],
  ["LogLoss", {}, PROBABILITY, [scored([0, 0.3], [1, 0])], 18.200164166527944],
  // scikit-learn's own examples.
  ["LogLoss", {}, PROBABILITY, [scored([0.9, 0.1, 0.2, 0.65], [1, 0, 0, 1])], 0.21616187468057912],
  ["BrierScore", {}, PROBABILITY, [scored([0.1, 0.9, 0.8, 0.3], [0, 1, 1, 0])], 0.0375],
  ["BrierScore", {}, PROBABILITY, [TEN], 0.14808],
  ["CalibrationError", {}, PROBABILITY, [TEN], 0.32],
  ["AreaUnderCurve", {}, PROBABILITY, [TEN], 0.875],
  ["AreaUnderCurve", {}, PROBABILITY, [FOUR], 0.75],
  ["MAP", {}, SCORE, [FOUR], 0.8333333333333333],
  ["DCG", { order: "Model" }, SCORE, [scored([0.1, 0.2, 0.3, 4, 70], GRADES)], 9.499457825916874],
  ["NDCG", {}, SCORE, [scored([0.1, 0.2, 0.3, 4, 70], GRADES)], 0.6956940443813076],
  ["NDCG", {}, SCORE, [scored([0.05, 1.1, 1, 0.5, 0], GRADES)], 0.493680191377376],
  ["NDCG", { k: 4 }, SCORE, [scored([0.05, 1.1, 1, 0.5, 0], GRADES)], 0.3520241100634488],
  ["NDCG", {}, SCORE, [clickedAt(2)], 0.6309297535714575],
  ["NDCG", { order: "Displayed" }, SCORE, [clickedAt(3)], 0.5],
  ["MRR", { k: 3 }, SCORE, PEOPLE, 0.4444444444444444],
  ["HitRate", { k: 3 }, SCORE, PEOPLE, 0.6666666666666666],
  // trec_eval: map_cut, ndcg_cut, recip_rank, success.
  ["MAP", { k: 5 }, SCORE, TREC, 0.614074074074074],
  ["MAP", { k: 10 }, SCORE, TREC, 0.7103703703703702],
  ["NDCG", { k: 5 }, SCORE, TREC, 0.6751761178155871],
  ["NDCG", { k: 10 }, SCORE, TREC, 0.7569811534716516],
  ["MRR", { k: 1000 }, SCORE, TREC, 0.7777777777777778],
  ["HitRate", { k: 1 }, SCORE, TREC, 0.6666666666666666],
  ["HitRate", { k: 5 }, SCORE, TREC, 1],
];

test.each(GOLDEN)("%s %j", (type, settings, meaning, requests, value) => {
  const metric = createMetric({ name: "golden", type, ...settings }, meaning);
  const sums = new Float64Array(metric.sums.length);
  for (const request of requests) metric.add(request, sums);
  expect(metric.value(sums)).toBeCloseTo(value, 9);
});
