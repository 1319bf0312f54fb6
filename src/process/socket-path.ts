/** Paths of Unix sockets on the command line. */
import { InvalidArgumentError } from "commander";

/** Linux takes no longer one, its last byte being zero. */
const LONGEST_PATH_BYTES = 107;

/** A parser for an option of commander: a path that Linux can bind. */
export function parseSocketPath(text: string): string {
  const bytes = Buffer.byteLength(text);
  if (bytes >= 1 && bytes <= LONGEST_PATH_BYTES && !text.includes("\0")) return text;
  throw new InvalidArgumentError(`expected a path of 1 to ${LONGEST_PATH_BYTES} bytes, got ${bytes}`);
}
