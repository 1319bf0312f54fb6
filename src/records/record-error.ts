/**
 * What is wrong with a file of records, and in which line.
 */

/** A file is not what it was said to be. The message says what was expected, what came, and where. */
export class RecordError extends Error {
  override readonly name = "RecordError";
  /** Counted from 1. */
  readonly line: number;

  constructor(line: number, expected: string, found: string) {
    super(`line ${line}: expected ${expected}, got ${found}`);
    this.line = line;
  }
}

/** A value of the file in a message: short, whatever it is. */
export function shownValue(value: unknown): string {
  if (typeof value === "string")
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  return value === undefined ? "nothing" : String(value);
}
