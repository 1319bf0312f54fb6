/**
 * Records of a file by the names of their members: objects of NDJSON, or rows of CSV below a row of names.
 *
 * Every record of CSV has exactly the cells that the names ask for, for a torn row must not become another one.
 */
import { csvRows } from "./csv-rows.ts";
import { RecordError, shownValue } from "./record-error.ts";
import { textLines } from "./text-lines.ts";

/** How a file is written. */
export const RECORD_FORMATS = ["CSV", "NDJSON"] as const;
/** One of {@link RECORD_FORMATS}. */
export type RecordFormat = (typeof RECORD_FORMATS)[number];

/** One record. */
export interface DataRecord {
  /** The line in which it begins, from 1. */
  readonly line: number;
  /** Texts where the file is CSV. */
  readonly members: ReadonlyMap<string, unknown>;
}

/** The format that the end of a name tells; undefined when it tells none. */
export function formatOfName(name: string): RecordFormat | undefined {
  if (/\.csv$/i.test(name)) return "CSV";
  return /\.(ndjson|jsonl)$/i.test(name) ? "NDJSON" : undefined;
}

/**
 * Reads the records in order.
 *
 * @throws {RecordError} for the first thing that is wrong.
 */
export function dataRecords(
  chunks: AsyncIterable<Uint8Array>,
  format: RecordFormat,
): AsyncGenerator<DataRecord> {
  return format === "CSV" ? csvRecords(chunks) : objectRecords(chunks);
}

async function* csvRecords(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<DataRecord> {
  let names: readonly string[] | undefined;
  for await (const { line, cells } of csvRows(chunks)) {
    if (names === undefined) {
      names = cells;
      const twice = names.find((name, index) => names?.indexOf(name) !== index);
      if (twice !== undefined) throw new RecordError(line, "names that differ", `${shownValue(twice)} twice`);
      continue;
    }
    if (cells.length !== names.length) {
      throw new RecordError(line, `${names.length} cells`, String(cells.length));
    }
    yield { line, members: new Map(names.map((name, index) => [name, cells[index]])) };
  }
}

async function* objectRecords(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<DataRecord> {
  for await (const { line, text } of textLines(chunks)) {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw new RecordError(line, "a JSON object", shownValue(text));
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new RecordError(line, "a JSON object", shownValue(value));
    }
    yield { line, members: new Map(Object.entries(value)) };
  }
}
