/**
 * A labelled set as requests: each with the values of its inputs row by row, and the labels of its rows.
 *
 * A label that is missing is refused and never taken for "it did not happen": in a set that is labelled, somebody knew.
 */
import { MAXIMUM_ROWS, MAXIMUM_VALUE } from "../metrics/settled-request.ts";
import type { DataRecord } from "../records/data-records.ts";
import { RecordError, shownValue } from "../records/record-error.ts";
import type { EvaluateSettings } from "./evaluate-settings.ts";

/** Rows that are answered together. */
export interface LabelledRequest {
  /** The line of its first row. */
  readonly line: number;
  readonly user: string | undefined;
  /** By input, and then by row: the values as the file has them. */
  readonly inputs: ReadonlyMap<string, readonly (readonly unknown[])[]>;
  /** For each label of the settings the values of its rows. */
  readonly labels: readonly (readonly number[])[];
}

/** One row of a request. */
interface LabelledRow {
  readonly line: number;
  readonly request: string | undefined;
  readonly user: string | undefined;
  readonly inputs: readonly (readonly unknown[])[];
  readonly labels: readonly number[];
}

/**
 * Reads requests from records.
 *
 * @throws {RecordError} for a record that lacks something, a request whose rows are apart or have several users, and
 *   more rows than allowed.
 */
export async function* labelledRequests(
  records: AsyncIterable<DataRecord>,
  settings: EvaluateSettings,
  maximumRows: number,
): AsyncGenerator<LabelledRequest> {
  const seen = new Set<string>();
  let rows: LabelledRow[] = [];
  let count = 0;
  for await (const record of records) {
    if (++count > maximumRows) throw new RecordError(record.line, `at most ${maximumRows} rows`, "more");
    const row = rowOf(record, settings);
    const first = rows[0];
    if (first !== undefined && (row.request === undefined || row.request !== first.request)) {
      yield requestOf(rows, settings);
      rows = [];
    }
    if (rows.length === 0 && row.request !== undefined) {
      if (seen.has(row.request)) {
        throw new RecordError(
          row.line,
          "the rows of a request one after the other",
          `${shownValue(row.request)} again`,
        );
      }
      seen.add(row.request);
    }
    if (rows.length === MAXIMUM_ROWS)
      throw new RecordError(row.line, `at most ${MAXIMUM_ROWS} rows of a request`, "more");
    if (rows[0] !== undefined && rows[0].user !== row.user) {
      throw new RecordError(row.line, `one user of request ${shownValue(row.request)}`, "another one");
    }
    rows.push(row);
  }
  if (rows.length > 0) yield requestOf(rows, settings);
}

function requestOf(rows: readonly LabelledRow[], settings: EvaluateSettings): LabelledRequest {
  return {
    line: rows[0]?.line ?? 0,
    user: rows[0]?.user,
    inputs: new Map(
      settings.inputs.map(({ name }, at) => [name, rows.map(({ inputs }) => inputs[at] ?? [])]),
    ),
    labels: settings.labels.map((_, at) => rows.map(({ labels }) => labels[at] ?? Number.NaN)),
  };
}

function rowOf(record: DataRecord, settings: EvaluateSettings): LabelledRow {
  const { line } = record;
  return {
    line,
    request: settings.request === undefined ? undefined : textOf(record, settings.request),
    user: settings.user === undefined ? undefined : textOf(record, settings.user),
    inputs: settings.inputs.map(({ columns }) => columns.flatMap((column) => memberOf(record, column))),
    labels: settings.labels.map(({ column }) => labelOf(memberOf(record, column), column, line)),
  };
}

function memberOf({ line, members }: DataRecord, column: string): unknown {
  const value = members.get(column);
  if (value === undefined || value === null || value === "") {
    throw new RecordError(line, `a value of ${shownValue(column)}`, "none");
  }
  return value;
}

function textOf(record: DataRecord, column: string): string {
  const value = memberOf(record, column);
  if (typeof value === "string" || typeof value === "number") return String(value);
  throw new RecordError(record.line, `${shownValue(column)} to be a text or a number`, shownValue(value));
}

function labelOf(value: unknown, column: string, line: number): number {
  const text = value === true ? "1" : value === false ? "0" : value;
  const label =
    typeof text === "number"
      ? text
      : typeof text === "string"
        ? Number(text.trim() || Number.NaN)
        : Number.NaN;
  if (Math.abs(label) <= MAXIMUM_VALUE) return label;
  throw new RecordError(line, `${shownValue(column)} to be a number`, shownValue(value));
}
