/**
 * What is done on a volume, and how its refusals are told.
 */
import { open } from "node:fs/promises";
import { errorCode } from "../sources/error-code.ts";
import { SourceError } from "../sources/model-source.ts";
import { FetchFailure } from "./failure.ts";

/** A rename is durable only once the directory that holds the name is written. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Errors of the volume that only a person can mend. A full disk is not among them. */
const TERMINAL_CODES: ReadonlySet<string> = new Set([
  "EACCES",
  "EBUSY",
  "ENOENT",
  "ENOTDIR",
  "EPERM",
  "EROFS",
]);

/**
 * Names what was done when the volume refused it.
 *
 * @throws FetchFailure (`Write`) for errors of the file system; anything else as it is.
 */
export async function onVolume<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const code = errorCode(cause);
    if (code === undefined || code === "ABORT_ERR" || cause instanceof SourceError) throw cause;
    throw new FetchFailure({
      check: "Write",
      message: `cannot ${what}: ${code}`,
      expected: "an existing, writable directory with enough space, in which the target is no mount point",
      found: code,
      terminal: TERMINAL_CODES.has(code),
      cause,
    });
  }
}
