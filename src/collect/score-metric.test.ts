/**
 * What 16 bits a score cost: metrics over scores as tokens tell them, beside the same over the scores themselves.
 */
import { expect, test } from "@jest/globals";
import { describeRows } from "../token/described-rows.ts";
import { readToken, tokenBytes } from "../token/prediction-token.ts";
import {
  addAnswer,
  addPositive,
  loggedCodes,
  newScoreVector,
  positiveRows,
  scoreMetric,
} from "./score-metric.ts";
import { tokenOf } from "./testdata/collecting.ts";

const [REQUESTS, ROWS, LABEL] = [1_500, 20, 1];

/** Numbers that look random and repeat in every run, from 0 to below 1. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Row {
  readonly score: number;
  readonly isPositive: boolean;
}

/** Click rates of some in a hundred, which are what they say. */
function clicks(): readonly (readonly Row[])[] {
  const random = generator(7);
  return Array.from({ length: REQUESTS }, () =>
    Array.from({ length: ROWS }, () => {
      const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
      const score = 1 / (1 + Math.exp(3.2 - normal));
      return { score, isPositive: random() < score };
    }),
  );
}

/** By ranks, equal scores counting half. */
function exactArea(rows: readonly Row[]): number {
  const sorted = rows.toSorted((a, b) => a.score - b.score);
  const positives = sorted.filter(({ isPositive }) => isPositive).length;
  const ranks = sorted.reduce((sum, { isPositive }, index) => sum + (isPositive ? index + 1 : 0), 0);
  return (ranks - (positives * (positives + 1)) / 2) / (positives * (rows.length - positives));
}

const mean = (rows: readonly Row[], cost: (row: Row) => number) =>
  rows.reduce((sum, row) => sum + cost(row), 0) / rows.length;

test.each([
  ["AreaUnderCurve", exactArea, 1e-3],
  [
    "LogLoss",
    (rows: readonly Row[]) =>
      mean(rows, ({ score, isPositive }) => -Math.log(isPositive ? score : 1 - score)),
    1e-5,
  ],
  [
    "BrierScore",
    (rows: readonly Row[]) => mean(rows, ({ score, isPositive }) => (score - Number(isPositive)) ** 2),
    1e-5,
  ],
] as const)("%s of 30,000 rows", (type, exactly, error) => {
  const scores = scoreMetric({ name: "m", type, label: "click" });
  const vector = newScoreVector(scores);
  const requests = clicks();
  for (const [number, rows] of requests.entries()) {
    const described = describeRows(ROWS, (row) => rows[row]?.score ?? Number.NaN);
    const token = tokenBytes(tokenOf(number, { rows: ROWS, ...described })) ?? Buffer.alloc(0);
    addAnswer(vector, scores, loggedCodes(token, readToken(token).rows));
    const events = rows.flatMap(({ isPositive }, row) =>
      isPositive
        ? [{ label: LABEL, row, position: undefined, delaySeconds: 1, value: 1, idHash: undefined }]
        : [],
    );
    const kept = Buffer.concat([token.subarray(0, 42), token.subarray(54)]);
    const request = { token: kept, excluded: false, final: false, shown: [], shownDelaySeconds: 0, events };
    for (const code of positiveRows(request, ROWS, LABEL, 60).values()) addPositive(vector, scores, code, 1);
  }
  const value = scores.metric.value(vector) ?? Number.NaN;
  expect(Math.abs(value - exactly(requests.flat()))).toBeLessThan(error);
});
