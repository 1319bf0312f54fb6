/**
 * A setting that lies in a file: a key of a mounted Secret or ConfigMap. What is read is bounded, and errors name the file,
 * never what is in it.
 */
import { readFile } from "node:fs/promises";
import { errorCode } from "./error-code.ts";

/** Largest certificate bundle or secret, in characters. */
const MAXIMUM_LENGTH = 2 ** 20;

/** A file without a setting. */
export class SettingMissing extends Error {
  override readonly name = "SettingMissing";
  /** What was there instead, in words. */
  readonly found: string;

  constructor(path: string, found: string) {
    super(`expected a setting in ${path}, found ${found}`);
    this.found = found;
  }
}

/**
 * Its text, without white space around it; the empty text where it may be missing and is.
 *
 * @throws {SettingMissing} when it cannot be read, is too large, or is required and empty.
 */
export async function readSettingFile(path: string, presence: "Required" | "Optional"): Promise<string> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return "";
    throw new SettingMissing(path, errorCode(error) ?? "an unknown error");
  });
  if (text.length > MAXIMUM_LENGTH) throw new SettingMissing(path, "more than 1 MiB");
  if (text.trim() === "" && presence === "Required") throw new SettingMissing(path, "nothing");
  return text.trim();
}
