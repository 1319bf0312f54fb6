/**
 * Which number of each row of an answer is its score, for the token of the answer.
 *
 * An answer whose score cannot be told, because the client did not ask for that output or it has other rows than the
 * request, has a token without scores: it is never answered differently for it.
 */
import type { ScorePlace } from "../api/observe.ts";
import { halfPrecision } from "../tap/half-precision.ts";
import { type DescribedRows, describeRows } from "../token/described-rows.ts";
import { MAXIMUM_ROWS } from "../token/prediction-token.ts";
import type { Tensor } from "./tensor.ts";

/** What a token is to say of the scores in these outputs, of a request with so many rows. */
export function answerScores(
  outputs: readonly Tensor[],
  { output, column }: ScorePlace,
  rows: number,
): DescribedRows | undefined {
  const tensor = outputs.find(({ name }) => name === output);
  if (tensor === undefined || rows === 0 || rows > MAXIMUM_ROWS) return undefined;
  const { elements, datatype, shape } = tensor;
  const width = elements.length / rows;
  const hasRows = shape.length === 0 ? rows === 1 : shape[0] === rows || (rows === 1 && shape.length === 1);
  if (!hasRows || column >= width) return undefined;
  const isHalf = datatype === "FP16";
  return describeRows(rows, (row) => {
    const element = elements[row * width + column];
    if (typeof element === "number") return isHalf ? halfPrecision(element) : element;
    return typeof element === "bigint" ? Number(element) : Number.NaN;
  });
}
