/**
 * The result of a failed fetch for the operator: one JSON line in the container's termination message,
 * which the kubelet copies into the pod's status. The operator shows it in a condition.
 */
import { constants } from "node:fs";
import { writeFile } from "node:fs/promises";
import { errorCode } from "../sources/error-code.ts";
import type { FetchCheck, FetchFailure } from "./failure.ts";

/** Where the kubelet looks for it unless the pod says otherwise (`terminationMessagePath`). */
export const DEFAULT_TERMINATION_LOG = "/dev/termination-log";

/** What the line holds. A wire format between the versions of `petrel fetch` and of the operator. */
export interface TerminationMessage {
  readonly check: FetchCheck;
  readonly expected: string;
  readonly found: string;
  readonly message: string;
  /** True when the same command cannot succeed later without a change by a person. */
  readonly terminal: boolean;
}

/** Bounds that keep the line, with every character escaped or of four bytes, below the kubelet's 4,096. */
const MAX_FIELD_LENGTH = 160;
const MAX_MESSAGE_LENGTH = 560;

/** The line for a failure, without a line break. Valid JSON of at most 4,096 bytes, whatever it holds. */
export function terminationLine(failure: FetchFailure): string {
  const message: TerminationMessage = {
    check: failure.check,
    expected: boundedText(failure.expected, MAX_FIELD_LENGTH),
    found: boundedText(failure.found, MAX_FIELD_LENGTH),
    message: boundedText(failure.message, MAX_MESSAGE_LENGTH),
    terminal: failure.terminal,
  };
  return JSON.stringify(message);
}

/**
 * Writes a line over what the file holds. The kubelet makes the file: where there is none, there is nobody
 * to tell, and none is made.
 *
 * @returns whether there was a file. @throws the file system's error when it cannot be written.
 */
export async function writeTerminationMessage(path: string, line: string): Promise<boolean> {
  try {
    await writeFile(path, `${line}\n`, { flag: constants.O_WRONLY | constants.O_TRUNC });
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}

/** Cuts at a character, not within one. Control characters, six bytes each when escaped, become spaces. */
export function boundedText(text: string, maxCharacters: number): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  const characters = [...text.toWellFormed().replace(/[\u0000-\u001f\u007f]/g, " ")];
  if (characters.length <= maxCharacters) return characters.join("");
  return `${characters.slice(0, maxCharacters - 3).join("")}...`;
}
