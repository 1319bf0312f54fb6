/**
 * What a file of labels says, one object of feedback after the other: each line of NDJSON as it stands, each row of CSV
 * as the object that it means.
 *
 * What is right about an object is for the collector to say. Only what could not even be sent is found here.
 */
import { type DataRecord, dataRecords, type RecordFormat } from "../../records/data-records.ts";
import { RecordError } from "../../records/record-error.ts";
import { textLines } from "../../records/text-lines.ts";

/** One object of the file. */
export interface FeedbackItem {
  /** The line in which it begins, from 1. */
  readonly line: number;
  /** Its JSON; or, where `isObject` is false, what stands there instead. */
  readonly text: string;
  readonly isObject: boolean;
}

const EVENT_COLUMNS = ["label", "row", "pos", "at", "value", "id"] as const;
const NUMBERS: readonly string[] = ["row", "pos", "value"];

/**
 * Reads the objects in order.
 *
 * @throws {RecordError} for a file that cannot be read on: a column that is not known, a torn row, too long a line.
 */
export async function* feedbackItems(
  chunks: AsyncIterable<Uint8Array>,
  format: RecordFormat,
): AsyncGenerator<FeedbackItem> {
  if (format === "NDJSON") {
    for await (const { line, text } of textLines(chunks)) yield { line, text, isObject: isJsonObject(text) };
    return;
  }
  for await (const record of dataRecords(chunks, format)) {
    yield { line: record.line, text: JSON.stringify(objectOf(record)), isObject: true };
  }
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

function objectOf({ line, members }: DataRecord): object {
  const known: readonly string[] = ["token", ...EVENT_COLUMNS];
  const unknown = [...members.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) throw new RecordError(line, `only the columns ${known.join(", ")}`, unknown);
  for (const name of ["token", "label"]) {
    if (!members.has(name)) throw new RecordError(line, `a column ${name}`, "none");
  }
  const event: Record<string, unknown> = {};
  for (const name of EVENT_COLUMNS) {
    const cell = members.get(name);
    if (typeof cell === "string" && cell !== "") event[name] = NUMBERS.includes(name) ? numberOf(cell) : cell;
  }
  return { token: members.get("token"), events: [event] };
}

/** A number, or the text itself, which the collector then refuses by name. */
function numberOf(cell: string): number | string {
  const number = Number(cell);
  return cell.trim() !== "" && Number.isFinite(number) ? number : cell;
}
