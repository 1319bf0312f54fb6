/**
 * What the example models answer to the example rows, as it was computed when they were trained.
 */
import { expect } from "@jest/globals";
import { exampleScores } from "./example-models.ts";

/** One score for each row, each that of the model. */
export function expectExampleScores(scores: readonly number[], version: "1" | "2" | "small" = "1"): void {
  const expected = exampleScores(version);
  expect(scores).toHaveLength(expected.length);
  for (const [index, score] of scores.entries()) expect(score).toBeCloseTo(expected[index] ?? Number.NaN, 5);
}
