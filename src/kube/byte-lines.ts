/**
 * Splits a stream of bytes into lines without ever holding more than one line, of a bounded size.
 */

const NEWLINE = 0x0a;

/**
 * The lines of a stream, without their line breaks; empty lines are left out. Throws when a line is longer
 * than `maximumBytes`, or when the stream ends in the middle of a line (half an event is no event).
 */
export async function* byteLines(
  chunks: AsyncIterable<Uint8Array>,
  maximumBytes: number,
): AsyncGenerator<string> {
  let parts: Uint8Array[] = [];
  let length = 0;
  const append = (part: Uint8Array) => {
    length += part.byteLength;
    if (length > maximumBytes) throw new Error(`a line is longer than ${maximumBytes} bytes`);
    parts.push(part);
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      append(chunk.subarray(start, end));
      const line = Buffer.concat(parts).toString("utf8");
      parts = [];
      length = 0;
      start = end + 1;
      if (line !== "") yield line;
    }
    if (start < chunk.byteLength) append(chunk.subarray(start));
  }
  if (length > 0) throw new Error(`the stream ended in the middle of a line, after ${length} bytes of it`);
}
