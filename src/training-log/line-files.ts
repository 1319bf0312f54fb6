/**
 * Lines in files of one folder: a file has another name until it is closed, and may be taken then.
 *
 * It must slow nothing: lines wait in a fixed room, and what finds no room, in memory or in the folder, is dropped and
 * counted. A file is never written again once it is closed, and no two have one name.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
} from "node:fs";
import { type FileHandle, open, readdir, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import type { TrainingLogSettings } from "./log-settings.ts";

/** What became of lines. */
export interface LineCounts {
  written: number;
  /** Too many waited for the disk. */
  memoryFull: number;
  /** Nobody took files away in time. */
  folderFull: number;
  /** The disk did not take them. */
  cannotWrite: number;
}

/** Of an event with all its values, each of at most 25 characters. */
const LONGEST_LINE_BYTES = 262_144;
const RETRY_MILLISECONDS = 5_000;
/** How long after a failure no line is tried. */
const REST_MILLISECONDS = 1_000;
/** A file that is being written has this name, so that nobody takes it. */
const UNFINISHED = ".part";
const FINISHED = ".ndjson";
/** Behind the name of the process: when the file was begun, and its number. */
const LEFT_OVER = /^-\d+-\d+\.ndjson\.part$/;
const CLOSED = /-(\d+)-(\d+)\.ndjson$/;

/** The folder has all that it may have. */
class FolderFullError extends Error {
  override readonly name = "FolderFullError";
}

/** One count for all, so that files of two logs that follow each other in a folder have two names. */
let filesOfProcess = 0;

/** The files that one process writes. */
export class LineFiles {
  readonly counts: LineCounts = { written: 0, memoryFull: 0, folderFull: 0, cannotWrite: 0 };
  readonly #settings: TrainingLogSettings;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #name: string;
  #lines: string[] = [];
  #waitingBytes = 0;
  #file:
    | { readonly handle: FileHandle; readonly path: string; readonly startMilliseconds: number }
    | undefined;
  #fileBytes = 0;
  #isWriting = false;
  #isFailing = false;
  /** After a failure, until when lines are dropped without a try, and as what. */
  #rest: { readonly reason: "folderFull" | "cannotWrite"; readonly untilMilliseconds: number } | undefined;
  #writing: Promise<void> = Promise.resolve();
  #cancel = () => {};

  /** `name` tells the files of this process from those of others in the same folder. */
  constructor(
    settings: TrainingLogSettings,
    name: string,
    { clock, log }: { readonly clock: Clock; readonly log: Logger },
  ) {
    this.#settings = settings;
    this.#name = name;
    this.#clock = clock;
    this.#log = log;
    mkdirSync(settings.folder, { recursive: true });
    this.#schedule(settings.fileMilliseconds);
  }

  /** Takes a line if there is room. It is made only then: what is dropped must cost nothing. */
  add(line: () => string): void {
    const reason = this.#reasonToDrop();
    if (reason !== undefined) {
      this.counts[reason]++;
      return;
    }
    const text = line();
    this.#lines.push(text);
    this.#waitingBytes += text.length;
    this.#write();
  }

  /** Writes what waits, closes the file and ends. */
  async close(): Promise<void> {
    this.#cancel();
    // A file that is being closed is followed by the lines that came meanwhile.
    while (this.#isWriting || this.#lines.length > 0) {
      this.#write();
      await this.#writing;
    }
    await this.#close();
  }

  #reasonToDrop(): Exclude<keyof LineCounts, "written"> | undefined {
    if (this.#waitingBytes >= this.#settings.maximumWaitingBytes) return "memoryFull";
    const { reason, untilMilliseconds } = this.#rest ?? {};
    return this.#clock.monotonic() < (untilMilliseconds ?? Number.NEGATIVE_INFINITY) ? reason : undefined;
  }

  #write(): void {
    if (this.#isWriting || this.#lines.length === 0) return;
    this.#isWriting = true;
    this.#writing = this.#drain().finally(() => {
      this.#isWriting = false;
    });
  }

  async #drain(): Promise<void> {
    while (this.#lines.length > 0) {
      const lines = this.#lines;
      this.#lines = [];
      try {
        const bytes = Buffer.from(lines.join(""));
        const handle = await this.#fileFor(bytes.length);
        await handle.appendFile(bytes);
        this.#fileBytes += bytes.length;
        this.counts.written += lines.length;
        this.#isFailing = false;
        if (this.#fileBytes >= this.#settings.maximumFileBytes) await this.#close();
      } catch (error) {
        this.#failed(error, lines.length);
        await this.#abandon();
      }
      this.#waitingBytes -= lines.reduce((sum, line) => sum + line.length, 0);
    }
  }

  async #fileFor(bytes: number): Promise<FileHandle> {
    if (this.#file !== undefined) return this.#file.handle;
    const { folder, maximumFolderBytes } = this.#settings;
    const used = await folderBytes(folder);
    if (used + bytes > maximumFolderBytes) {
      throw new FolderFullError(
        `${folder}: expected at most ${maximumFolderBytes} bytes of training logs, got ${used}: nobody takes them away`,
      );
    }
    const now = this.#clock.now();
    const path = join(folder, `${this.#name}-${now}-${filesOfProcess++}${FINISHED}`);
    const handle = await open(`${path}${UNFINISHED}`, "wx", 0o640);
    this.#file = { handle, path, startMilliseconds: now };
    this.#fileBytes = 0;
    return handle;
  }

  /** Closes the file and gives it the name under which it may be taken. */
  async #finish(): Promise<void> {
    const file = this.#file;
    if (file === undefined) return;
    this.#file = undefined;
    await file.handle.close();
    await rename(`${file.path}${UNFINISHED}`, file.path);
  }

  /** The same, and no failure of it is one of the lines that were written. */
  async #close(): Promise<void> {
    await this.#finish().catch((error: unknown) => this.#failed(error, 0));
  }

  /**
   * After a failure the next lines begin a new file. What is whole in the old one may be taken: a write that failed may
   * have left half a line. Where that cannot be cut off, the file keeps its unfinished name.
   */
  async #abandon(): Promise<void> {
    const file = this.#file;
    try {
      await file?.handle.truncate(this.#fileBytes);
      await this.#finish();
    } catch {
      this.#file = undefined;
      await file?.handle.close().catch(() => {});
    }
  }

  #schedule(waitMilliseconds: number): void {
    this.#cancel = this.#clock.schedule(waitMilliseconds, () => {
      const start = this.#file?.startMilliseconds ?? Number.POSITIVE_INFINITY;
      const isOld = this.#clock.now() - start >= this.#settings.fileMilliseconds;
      // Between two writes, never beside one.
      if (isOld && !this.#isWriting) {
        this.#isWriting = true;
        this.#writing = this.#close().finally(() => {
          this.#isWriting = false;
          this.#write();
        });
      }
      this.#schedule(Math.min(this.#settings.fileMilliseconds, RETRY_MILLISECONDS));
    });
  }

  /** Says a trouble once, until something could be written again. */
  #failed(error: unknown, lines: number): void {
    const reason = error instanceof FolderFullError ? "folderFull" : "cannotWrite";
    this.counts[reason] += lines;
    this.#rest = { reason, untilMilliseconds: this.#clock.monotonic() + REST_MILLISECONDS };
    if (!this.#isFailing) this.#log.error("cannot write the training log", { error });
    this.#isFailing = true;
  }
}

/**
 * Closes what a killed process of the same name left, without a line that it had not written whole. Only for a folder
 * into which this process has not written yet.
 */
export function finishLeftOver(folder: string, name: string): void {
  for (const file of existsSync(folder) ? readdirSync(folder) : []) {
    // A name may begin like that of another process.
    if (!file.startsWith(`${name}-`) || !LEFT_OVER.test(file.slice(name.length))) continue;
    const path = join(folder, file);
    const handle = openSync(path, "r+");
    try {
      const { size } = fstatSync(handle);
      const tail = Buffer.alloc(Math.min(size, LONGEST_LINE_BYTES));
      readSync(handle, tail, 0, tail.length, size - tail.length);
      ftruncateSync(handle, size - tail.length + tail.lastIndexOf("\n") + 1);
    } finally {
      closeSync(handle);
    }
    renameSync(path, path.slice(0, -UNFINISHED.length));
  }
}

/** A file that may be taken. */
export interface ClosedFile {
  readonly path: string;
  /** Without the ending. */
  readonly name: string;
  /** When it was begun, since the Unix epoch. */
  readonly startMilliseconds: number;
}

/** The files of a folder that may be taken, the oldest first. */
export async function closedFiles(folder: string): Promise<readonly ClosedFile[]> {
  const found = (await readdir(folder)).flatMap((file) => {
    const [, start, number] = CLOSED.exec(file) ?? [];
    if (start === undefined) return [];
    const name = file.slice(0, -FINISHED.length);
    return [{ path: join(folder, file), name, startMilliseconds: Number(start), number: Number(number) }];
  });
  return found.toSorted((a, b) => a.startMilliseconds - b.startMilliseconds || a.number - b.number);
}

async function folderBytes(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder)) {
    if (!name.endsWith(FINISHED) && !name.endsWith(UNFINISHED)) continue;
    // Whoever takes files away may be quicker.
    bytes += await stat(join(folder, name)).then(
      ({ size }) => size,
      () => 0,
    );
  }
  return bytes;
}
