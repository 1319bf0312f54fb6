/**
 * That a token says of scores what they were, within what 16 bits can say, and of long answers the best rows.
 */
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { describeRows, REFUSED_SCORE, scoreCode, scoreOfCode } from "./described-rows.ts";
import { MAXIMUM_DESCRIBED_ROWS } from "./prediction-token.ts";

const probability = fc.oneof(
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.double({ min: 0, max: 0.001, noNaN: true }),
  fc.double({ min: -40, max: 40, noNaN: true }).map((logit) => 1 / (1 + Math.exp(-logit))),
);

describe("a probability", () => {
  test("is off by at most 3.1e-5 when it is read back, and a small one by at most 3.2 % of itself", () => {
    fc.assert(
      fc.property(probability, (score) => {
        const error = Math.abs(scoreOfCode(scoreCode(score)) - score);
        expect(error).toBeLessThanOrEqual(3.1e-5);
        if (score >= 1e-6) expect(error).toBeLessThanOrEqual(0.032 * score);
        if (score <= 1 - 1e-6) expect(error).toBeLessThanOrEqual(0.032 * (1 - score));
      }),
      { numRuns: 5_000 },
    );
  });

  test("keeps its order, and only 0 and 1 are certain", () => {
    fc.assert(
      fc.property(probability, probability, (a, b) => {
        expect(scoreCode(Math.min(a, b))).toBeLessThanOrEqual(scoreCode(Math.max(a, b)));
        expect(scoreOfCode(scoreCode(a)) === 0).toBe(a === 0);
        expect(scoreOfCode(scoreCode(a)) === 1).toBe(a === 1);
      }),
    );
  });

  test("of up to three digits comes back as it was, so that it stays on its side of a threshold", () => {
    for (let thousandth = 0; thousandth <= 1_000; thousandth++) {
      expect(scoreOfCode(scoreCode(thousandth / 1_000))).toBe(thousandth / 1_000);
    }
  });

  test("of every code has that code", () => {
    for (let code = 0; code < REFUSED_SCORE; code++) expect(scoreCode(scoreOfCode(code))).toBe(code);
  });
});

test.each([Number.NaN, -0.001, 1.001, Number.POSITIVE_INFINITY])(
  "%d is no probability, and stays so",
  (score) => {
    expect(scoreCode(score)).toBe(REFUSED_SCORE);
    expect(scoreOfCode(REFUSED_SCORE)).toBeNaN();
  },
);

test("all rows of a short answer are described, in their order", () => {
  const scores = [0.3, 0.9, 0.1];
  const { scores: codes, rowIndexes } = describeRows(3, (row) => scores[row] ?? Number.NaN);
  expect([...codes]).toEqual(scores.map(scoreCode));
  expect(rowIndexes).toBeUndefined();
  expect(describeRows(0, () => 0)).toEqual({ scores: new Uint16Array(0) });
});

test("of a long answer the first rows are described, whatever their scores", () => {
  fc.assert(
    fc.property(
      fc.array(probability, { minLength: MAXIMUM_DESCRIBED_ROWS + 1, maxLength: 100 }),
      (scores) => {
        const described = describeRows(scores.length, (row) => scores[row] ?? Number.NaN);
        const first = scores.slice(0, MAXIMUM_DESCRIBED_ROWS);
        expect([...(described.rowIndexes ?? [])]).toEqual([...first.keys()]);
        expect([...described.scores]).toEqual(first.map(scoreCode));
      },
    ),
  );
});
