/**
 * Which numbers of an answer its token tells as scores, and which answers tell none.
 */
import { describe, expect, test } from "@jest/globals";
import { scoreCode } from "../token/described-rows.ts";
import { answerScores } from "./answer-scores.ts";
import type { Tensor } from "./tensor.ts";

const scores: Tensor = {
  name: "scores",
  datatype: "FP32",
  shape: [3, 2],
  elements: Float32Array.of(0.75, 0.25, 0.5, 0.5, 0.125, 0.875),
};
const at = (column: number) => ({ output: "scores", column });
const codes = (tensor: Tensor, rows: number, column = 0) => {
  const described = answerScores([tensor], at(column), rows);
  return described === undefined ? undefined : [...described.scores];
};

test("the score is a number of each row, the one of its column", () => {
  expect(codes(scores, 3)).toEqual([0.75, 0.5, 0.125].map(scoreCode));
  expect(codes(scores, 3, 1)).toEqual([0.25, 0.5, 0.875].map(scoreCode));
});

test.each<[string, Tensor, number]>([
  ["half precision", { ...scores, datatype: "FP16", shape: [1], elements: Uint16Array.of(0x3800) }, 0.5],
  ["whole numbers", { ...scores, datatype: "INT64", shape: [1, 1], elements: BigInt64Array.of(1n) }, 1],
  ["a number alone", { ...scores, shape: [], elements: Float32Array.of(0.25) }, 0.25],
  ["texts, which are no scores", { ...scores, datatype: "BYTES", shape: [1], elements: ["0.5"] }, Number.NaN],
])("%s", (_, tensor, score) => {
  expect(codes(tensor, 1)).toEqual([scoreCode(score)]);
});

test("a request of one row may have its numbers without a dimension for rows", () => {
  expect(codes({ ...scores, shape: [2], elements: Float32Array.of(0.5, 0.25) }, 1, 1)).toEqual([
    scoreCode(0.25),
  ]);
});

describe("tells none", () => {
  test.each<[string, Tensor, number, number]>([
    ["an answer without that output", { ...scores, name: "others" }, 3, 0],
    ["an answer of other rows than the request", scores, 2, 0],
    ["an answer without that column", scores, 3, 2],
    ["an answer to a request without rows", { ...scores, shape: [0, 2], elements: new Float32Array() }, 0, 0],
    [
      "an answer of more rows than a token can count",
      { ...scores, shape: [65_536], elements: new Float32Array(65_536) },
      65_536,
      0,
    ],
  ])("%s", (_, tensor, rows, column) => {
    expect(codes(tensor, rows, column)).toBeUndefined();
  });
});
