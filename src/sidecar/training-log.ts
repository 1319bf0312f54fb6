/**
 * A sample of the requests, as lines of JSON in files that training reads:
 *
 *     {"request":"00112233aabbccdd","time":1795000000.5,"model":"m","revision":"m-1","arm":"Stable","epoch":3,
 *      "status":200,"rows":50,"drawn":2,"values":{"score":[0.5,0.25,0.75],"price":[1,null,3]}}
 *
 * Values are those of the first rows, and in the end of the drawn one where it is not among them. It must slow nothing:
 * lines wait in a fixed room, and what finds no room, in memory or in the folder, is dropped and counted. Whether a
 * request is in the sample follows from its id, so that all who know the id agree. No user is in it.
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
import { armName, type TapEvent } from "../tap/tap-event.ts";
import type { EventSource } from "./observed-model.ts";
import type { TrainingLogSettings } from "./settings.ts";

/** What became of the requests of the sample. */
export interface TrainingLogCounts {
  written: number;
  dropped: number;
  bytes: number;
}

/** Lines that wait for the disk. */
const QUEUE_BYTES = 8 * 2 ** 20;
/** Of an event with all its values, each of at most 25 characters. */
const LONGEST_LINE_BYTES = 262_144;
const RETRY_MILLISECONDS = 5_000;
/** A file that is being written has this name, so that nobody takes it. */
const UNFINISHED = ".part";
const FINISHED = ".ndjson";
/** Behind the name of the process: when the file was begun, and its number. */
const LEFT_OVER = /^-\d+-\d+\.ndjson\.part$/;
const IDS = 2 ** 32;

/** The log. */
export class TrainingLog {
  readonly counts: TrainingLogCounts = { written: 0, dropped: 0, bytes: 0 };
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
  #files = 0;
  #isWriting = false;
  #isFailing = false;
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

  /** Takes a request if it is in the sample and there is room. */
  offer(source: EventSource, event: TapEvent): void {
    if (!isSampled(event.requestId, this.#settings.sample)) return;
    if (this.#waitingBytes >= QUEUE_BYTES) {
      this.counts.dropped++;
      return;
    }
    const line = lineOf(source, event);
    this.#lines.push(line);
    this.#waitingBytes += line.length;
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
    await this.#finish().catch((error: unknown) => this.#failed(error, 0));
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
        this.counts.bytes += bytes.length;
        this.counts.written += lines.length;
        this.#isFailing = false;
        if (this.#fileBytes >= this.#settings.maximumFileBytes) await this.#finish();
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
      throw new Error(
        `${folder}: expected at most ${maximumFolderBytes} bytes of training logs, got ${used}: nobody takes them away`,
      );
    }
    const now = this.#clock.now();
    const path = join(folder, `${this.#name}-${now}-${this.#files++}${FINISHED}`);
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

  /** After a failure the next lines begin a new file; what is whole in the old one may be taken. */
  async #abandon(): Promise<void> {
    await this.#finish().catch(() => {});
  }

  #schedule(waitMilliseconds: number): void {
    this.#cancel = this.#clock.schedule(waitMilliseconds, () => {
      const start = this.#file?.startMilliseconds ?? Number.POSITIVE_INFINITY;
      const isOld = this.#clock.now() - start >= this.#settings.fileMilliseconds;
      // Between two writes, never beside one.
      if (isOld && !this.#isWriting) {
        this.#isWriting = true;
        this.#writing = this.#finish()
          .catch((error: unknown) => this.#failed(error, 0))
          .finally(() => {
            this.#isWriting = false;
            this.#write();
          });
      }
      this.#schedule(Math.min(this.#settings.fileMilliseconds, RETRY_MILLISECONDS));
    });
  }

  /** Says a trouble once, until something could be written again. */
  #failed(error: unknown, lines: number): void {
    this.counts.dropped += lines;
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

/** Whether a request is in a sample, by the first 32 bits of its id. */
export function isSampled(requestId: Uint8Array, share: number): boolean {
  const [a = 0, b = 0, c = 0, d = 0] = requestId;
  return a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d < share * IDS;
}

function lineOf({ model, revision, columns }: EventSource, event: TapEvent): string {
  const values: Record<string, (number | string | null)[]> = {};
  if (event.describedRows > 0) {
    for (const [index, name] of columns.entries()) {
      values[name] = Array.from({ length: event.describedRows }, (_, row) =>
        jsonValue(event.values[row * event.columns + index] ?? Number.NaN),
      );
    }
  }
  const line = {
    request: Buffer.from(event.requestId).toString("hex"),
    time: event.timeMilliseconds / 1_000,
    model,
    revision,
    arm: armName(event.arm),
    epoch: event.epoch,
    status: event.status,
    ...(Number.isNaN(event.featureAgeSeconds) ? {} : { featureAge: event.featureAgeSeconds }),
    rows: event.rows,
    drawn: event.drawnRow,
    values,
  };
  return `${JSON.stringify(line)}\n`;
}

/** JSON has no number for what is missing, nor for infinity. */
function jsonValue(value: number): number | string | null {
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? null : String(value);
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
