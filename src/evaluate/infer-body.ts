/**
 * A labelled request in the words of the Open Inference Protocol, and the scores in its answer. Pure.
 *
 * Numbers of CSV go from the file to the model as they are written. A number of JSON has been read before; where digits
 * can have been lost by that it is refused, and asked for in quotes.
 */
import { asList, valueAt } from "../api/json.ts";
import { RecordError, shownValue } from "../records/record-error.ts";
import type { LabelledRequest } from "./labelled-requests.ts";

/** An input or output in the model's metadata; -1 is a dimension of any size. */
export interface TensorMetadata {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}

/** What a model takes and gives. */
export interface ModelMetadata {
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
}

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/**
 * The body of an inference.
 *
 * @throws {RecordError} for a value that is none of the input's datatype, or the wrong number of them.
 */
export function inferBody(
  request: LabelledRequest,
  inputs: readonly TensorMetadata[],
  output: string,
): string {
  const tensors = inputs.map((input) => tensorText(request, input));
  return `{"inputs":[${tensors.join(",")}],"outputs":[{"name":${JSON.stringify(output)}}]}`;
}

function tensorText({ line, inputs }: LabelledRequest, { name, datatype, shape }: TensorMetadata): string {
  const rows = inputs.get(name) ?? [];
  const [first = 1, ...rest] = shape;
  if (first >= 0 && first !== rows.length) {
    throw new RecordError(line, `${first} rows for input ${shownValue(name)}`, String(rows.length));
  }
  const width = rows[0]?.length ?? 0;
  const odd = rows.find((row) => row.length !== width);
  if (odd !== undefined) {
    throw new RecordError(
      line,
      `rows of one size for input ${shownValue(name)}`,
      `${width} and ${odd.length} values`,
    );
  }
  const fixed = rest.filter((size) => size >= 0).reduce((product, size) => product * size, 1);
  const open = rest.length - rest.filter((size) => size >= 0).length;
  const size = open === 1 ? width / fixed : 0;
  if (open > 1 || !Number.isInteger(size) || (open === 0 && width !== fixed)) {
    throw new RecordError(
      line,
      `values for input ${shownValue(name)} of shape [${shape.join(",")}]`,
      `${width} a row`,
    );
  }
  const full = shape.length === 0 ? [] : [rows.length, ...rest.map((one) => (one >= 0 ? one : size))];
  const data = rows.flatMap((row) => row.map((value) => elementText(value, datatype, name, line)));
  return `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${full.join(",")}],"data":[${data.join(",")}]}`;
}

function elementText(value: unknown, datatype: string, name: string, line: number): string {
  if (datatype === "BYTES" && typeof value === "string") return JSON.stringify(value);
  if (datatype === "BOOL") {
    if (value === true || value === "true" || value === 1 || value === "1") return "true";
    if (value === false || value === "false" || value === 0 || value === "0") return "false";
  } else if (datatype !== "BYTES") {
    if (typeof value === "string" && NUMBER.test(value.trim())) return value.trim();
    // JSON was read already, and an integer that is not safe has lost digits.
    const isExact = typeof value === "number" && (Number.isSafeInteger(value) || !datatype.includes("INT"));
    if (isExact && Number.isFinite(value)) return JSON.stringify(value);
  }
  const quoted = datatype.includes("INT64") ? ", in quotes where it is beyond 2^53" : "";
  throw new RecordError(
    line,
    `a value of ${datatype} for input ${shownValue(name)}${quoted}`,
    shownValue(value),
  );
}

/**
 * The scores of the rows in an answer.
 *
 * @param index which of the values of a row it is.
 * @throws {Error} when there is not one finite score for each row.
 */
export function scoresOf(
  answer: unknown,
  output: string,
  index: number,
  { labels }: Pick<LabelledRequest, "labels">,
): readonly number[] {
  const rows = labels[0]?.length ?? 0;
  const tensor = asList(valueAt(answer, "outputs")).find((one) => valueAt(one, "name") === output);
  const values = asList(valueAt(tensor, "data"));
  const width = values.length / rows;
  if (!Number.isInteger(width) || index >= width) {
    throw new Error(
      `expected value ${index} of each of ${rows} rows in output ${output}, got ${values.length} values`,
    );
  }
  return Array.from({ length: rows }, (_, row) => {
    const score = values[row * width + index];
    if (typeof score === "number" && Number.isFinite(score)) return score;
    throw new Error(`expected a finite score, got ${shownValue(score)}`);
  });
}
