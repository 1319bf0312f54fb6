/**
 * Paths of files below a model, wherever they come from: a listing, an archive, an image. One rule for all.
 *
 * A path that could lead out of the model's directory, or that two programs could read differently, is refused
 * and never repaired.
 */
import { type FetchCheck, FetchFailure } from "./failure.ts";

/** Longest path, and longest part of one, in bytes of UTF-8: what Linux takes. */
const MAX_PATH_BYTES = 1_024;
const MAX_PART_BYTES = 255;

/** What is wrong with a path; undefined when nothing is. */
export function pathFault(path: string): string | undefined {
  if (path === "") return "an empty path";
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return `a path of more than ${MAX_PATH_BYTES} bytes`;
  if (!path.isWellFormed()) return "a path that is no Unicode";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\u0000-\u001f\u007f\\]/.test(path)) return "a path with a control character or a backslash";
  if (path.startsWith("/")) return "an absolute path";
  const parts = path.split("/");
  if (parts.includes("..")) return "a path with ..";
  if (parts.some((part) => part === "" || part === ".")) return "a path with an empty part";
  if (parts.some((part) => Buffer.byteLength(part) > MAX_PART_BYTES)) {
    return `a name of more than ${MAX_PART_BYTES} bytes`;
  }
  return undefined;
}

/**
 * Gives the path back when it is one below a model.
 *
 * @throws FetchFailure of `check` when it is not.
 */
export function checkedPath(path: string, check: FetchCheck): string {
  const found = pathFault(path);
  if (found === undefined) return path;
  const expected = "paths below the model's directory";
  const shown = JSON.stringify(path.slice(0, 100));
  const message = `the model has a file ${shown}: expected ${expected}, found ${found}`;
  throw new FetchFailure({ check, message, expected, found: `${found}: ${shown}`, terminal: true });
}
