/**
 * Comma-separated values as RFC 4180 has them, read as they come: quotes, quoted line ends and doubled quotes; LF or
 * CRLF; a byte order mark in front.
 *
 * What could be meant in two ways is refused and never guessed: a quote within a cell, text behind a closed quote, a
 * quote that never ends.
 */
import { RecordError } from "./record-error.ts";
import { decodedTexts, MAXIMUM_LINE_LENGTH } from "./text-lines.ts";

/** One row of cells. */
export interface CsvRow {
  /** The line in which it begins, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
}

/** Most cells of a row. */
export const MAXIMUM_CELLS = 4_096;

/**
 * The rows, without empty ones.
 *
 * @throws {RecordError} for what is no CSV, or too long a row.
 */
export async function* csvRows(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<CsvRow> {
  const reader = new RowReader();
  for await (const text of decodedTexts(chunks)) {
    for (let index = 0; index < text.length; index++) {
      const row = reader.take(text[index] ?? "");
      if (row !== undefined) yield row;
    }
  }
  const last = reader.end();
  if (last !== undefined) yield last;
}

/** Where in a cell the reader is. */
type Place = "Start" | "Plain" | "Quoted" | "QuoteInQuoted" | "ReturnAfterQuote";

class RowReader {
  #place: Place = "Start";
  #cells: string[] = [];
  #cell = "";
  #length = 0;
  #line = 1;
  #rowLine = 1;

  /** Takes one character; gives a row when it ends with it. */
  take(character: string): CsvRow | undefined {
    if (++this.#length > MAXIMUM_LINE_LENGTH) {
      throw new RecordError(this.#rowLine, `a row of at most ${MAXIMUM_LINE_LENGTH} characters`, "more");
    }
    if (character === "\n") this.#line++;
    if (this.#place === "Quoted") {
      if (character === '"') this.#place = "QuoteInQuoted";
      else this.#cell += character;
      return undefined;
    }
    if (this.#place === "ReturnAfterQuote" && character !== "\n") throw this.#textAfterQuote();
    switch (character) {
      case '"':
        if (this.#place === "Plain") {
          throw new RecordError(this.#line, "a cell with a quote to begin with one", "a quote within it");
        }
        if (this.#place === "QuoteInQuoted") this.#cell += character;
        this.#place = "Quoted";
        return undefined;
      case ",":
        this.#endCell();
        return undefined;
      case "\n":
        return this.#endRow();
      case "\r":
        // Only in front of a line feed, or as part of the cell, which is seen when the next one comes.
        if (this.#place !== "QuoteInQuoted") break;
        this.#place = "ReturnAfterQuote";
        return undefined;
    }
    if (this.#place === "QuoteInQuoted") throw this.#textAfterQuote();
    this.#place = "Plain";
    this.#cell += character;
    return undefined;
  }

  /** The row that no line feed ended. */
  end(): CsvRow | undefined {
    if (this.#place === "Quoted")
      throw new RecordError(this.#rowLine, "a quote to end", "the end of the file");
    return this.#length === 0 ? undefined : this.#endRow();
  }

  #textAfterQuote(): RecordError {
    return new RecordError(this.#line, "a comma or the end of the line behind a closing quote", "more text");
  }

  #endCell(): void {
    this.#cells.push(this.#cell);
    if (this.#cells.length > MAXIMUM_CELLS) {
      throw new RecordError(this.#rowLine, `a row of at most ${MAXIMUM_CELLS} cells`, "more");
    }
    this.#cell = "";
    this.#place = "Start";
  }

  #endRow(): CsvRow | undefined {
    if (this.#place === "Plain" && this.#cell.endsWith("\r")) this.#cell = this.#cell.slice(0, -1);
    this.#endCell();
    const row = { line: this.#rowLine, cells: this.#cells };
    this.#cells = [];
    this.#length = 0;
    this.#rowLine = this.#line;
    return row.cells.length === 1 && row.cells[0]?.trim() === "" ? undefined : row;
  }
}
