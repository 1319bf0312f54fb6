/**
 * The folder in which Envoy writes its access log, and the router keeps what the collector has not taken yet.
 *
 * A log is sealed by moving it away and asking Envoy to open a new one: what was written then is in the sealed file, and
 * nothing will be added to it. Sealed files are read from the oldest on, and removed once they are taken.
 */
import { open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { valueAt } from "../api/json.ts";

/** A file that nobody writes any more. */
export interface SealedFile {
  readonly name: string;
  /** When it was sealed, in milliseconds since the Unix epoch. */
  readonly sealedAt: number;
  readonly sizeBytes: number;
}

/** Lines from one place in a file to another. */
export interface LogPart {
  readonly lines: readonly string[];
  /** The byte after the last line. */
  readonly end: number;
  readonly isLast: boolean;
}

const SEALED = /^sealed\.(\d{12})\.(\d{1,15})\.log$/;
const STATE_FILE = "shipping.json";
/** At so many bytes a line with a token, a part stays below the most requests of one batch. */
const PART_BYTES = 2 ** 19;

/** The folder of an access log. Calls must not overlap. */
export class LogDirectory {
  readonly #log: string;
  readonly #folder: string;

  /** `log` is the file that Envoy writes. */
  constructor(log: string) {
    this.#log = log;
    this.#folder = dirname(log);
  }

  /** Bytes that Envoy has written since the last log was sealed; undefined where it has no log open at its place. */
  logBytes(): Promise<number | undefined> {
    return sizeOf(this.#log);
  }

  /**
   * Moves the log away. Envoy goes on writing there until it opens a new one. `before` is the file that was read last, if
   * there was one: no name comes twice.
   */
  async seal(now: number, before: string | undefined): Promise<void> {
    const names = [before ?? "", ...(await this.sealed()).map(({ name }) => name)];
    const number = 1 + Math.max(...names.map((name) => Number(SEALED.exec(name)?.[1] ?? 0)));
    await rename(this.#log, join(this.#folder, `sealed.${String(number).padStart(12, "0")}.${now}.log`));
  }

  /** Sealed files, the oldest first. */
  async sealed(): Promise<readonly SealedFile[]> {
    const names = (await readdir(this.#folder)).filter((name) => SEALED.test(name)).toSorted();
    const files: SealedFile[] = [];
    for (const name of names) {
      const sizeBytes = (await sizeOf(join(this.#folder, name))) ?? 0;
      files.push({ name, sealedAt: Number(SEALED.exec(name)?.[2]), sizeBytes });
    }
    return files;
  }

  /** Reads whole lines from a byte on: to another one, or as many as a batch may have. */
  async read({ name, sizeBytes }: SealedFile, start: number, end?: number): Promise<LogPart> {
    const file = await open(join(this.#folder, basename(name)));
    try {
      const buffer = Buffer.alloc(Math.max(0, Math.min(end ?? start + PART_BYTES, sizeBytes) - start));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, start);
      const bytes = buffer.subarray(0, bytesRead);
      const reachesEnd = start + bytesRead >= sizeBytes;
      // A last line without an end was being written when Envoy was killed.
      const length = bytes.lastIndexOf("\n") + 1;
      const lines = bytes.toString("latin1", 0, length).split("\n").slice(0, -1);
      return {
        lines,
        end: reachesEnd || length === 0 ? start + bytesRead : start + length,
        isLast: reachesEnd,
      };
    } finally {
      await file.close();
    }
  }

  async remove({ name }: SealedFile): Promise<void> {
    await rm(join(this.#folder, basename(name)), { force: true });
  }

  /** The note of an earlier run of the router in this pod; undefined when there is none. */
  async readState(): Promise<string | undefined> {
    try {
      return await readFile(join(this.#folder, STATE_FILE), "utf8");
    } catch (error) {
      if (valueAt(error, "code") === "ENOENT") return undefined;
      throw error;
    }
  }

  async writeState(text: string): Promise<void> {
    const path = join(this.#folder, STATE_FILE);
    await writeFile(`${path}.new`, text);
    await rename(`${path}.new`, path);
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (valueAt(error, "code") === "ENOENT") return undefined;
    throw error;
  }
}
