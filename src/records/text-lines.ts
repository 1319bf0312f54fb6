/**
 * Bytes as lines of text, one after the other, so that a file of any size takes the memory of one line.
 *
 * A line longer than allowed and bytes that are not UTF-8 are refused: cutting either would change what a file says.
 */
import { RecordError } from "./record-error.ts";

/** One line, without its end. */
export interface TextLine {
  /** Counted from 1. */
  readonly line: number;
  readonly text: string;
}

/** Longest line, in characters. */
export const MAXIMUM_LINE_LENGTH = 1_048_576;

/**
 * The texts of the chunks, with what is left of a character kept for the next.
 *
 * @throws {RecordError} for bytes that are not UTF-8.
 */
export async function* decodedTexts(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let line = 1;
  const decoded = (chunk: Uint8Array | undefined) => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
    } catch {
      throw new RecordError(line, "text in UTF-8 from here on", "other bytes");
    }
  };
  for await (const chunk of chunks) {
    const text = decoded(chunk);
    yield text;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) line++;
  }
  yield decoded(undefined);
}

/**
 * The lines that are not empty.
 *
 * @throws {RecordError} for a line that is too long, or bytes that are not UTF-8.
 */
export async function* textLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<TextLine> {
  let [rest, line] = ["", 1];
  for await (const text of decodedTexts(chunks)) {
    const pieces = text.split("\n");
    pieces[0] = rest + (pieces[0] ?? "");
    rest = pieces.pop() ?? "";
    for (const piece of pieces) {
      yield* shownLine(piece, line);
      line++;
    }
    requireShort(rest, line);
  }
  yield* shownLine(rest, line);
}

function* shownLine(piece: string, line: number): Generator<TextLine> {
  requireShort(piece, line);
  const text = piece.endsWith("\r") ? piece.slice(0, -1) : piece;
  if (text.trim() !== "") yield { line, text };
}

function requireShort(text: string, line: number): void {
  if (text.length > MAXIMUM_LINE_LENGTH) {
    throw new RecordError(line, `a line of at most ${MAXIMUM_LINE_LENGTH} characters`, "more");
  }
}
