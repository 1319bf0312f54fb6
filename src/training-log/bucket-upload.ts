/**
 * Takes the closed files of a folder to a bucket, one after another, and removes each once the store has it.
 *
 * It must never hold up whoever writes the files: while the bucket is away or slow they stay, and the bound of the
 * folder is what drops lines. The name of an object holds a hash of what is in it, so that whatever is tried again, by
 * this process or the next one, no object is ever replaced by another.
 */
import { webcrypto } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import { type Backoff, backoffMilliseconds, type Random } from "../kube/backoff.ts";
import { type ClosedFile, closedFiles } from "./line-files.ts";
import type { PutFile } from "./log-store.ts";

/** What became of files. */
export interface UploadCounts {
  uploaded: number;
  /** Tries that failed. */
  failed: number;
  /** As the store has them, packed. */
  bytes: number;
}

/** What an upload is made of. */
export interface BucketUploadOptions {
  readonly folder: string;
  /** Before every key: prefix and kind, with a slash at its end. */
  readonly keyPrefix: string;
  /** Opens the bucket: first, and anew after each failure, for keys may have changed. */
  readonly open: () => Promise<PutFile>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: Random;
}

const LOOK_MILLISECONDS = 2_000;
const BACKOFF: Backoff = { baseMilliseconds: 2_000, maximumMilliseconds: 60_000, jitter: 0.5 };
const HASH_DIGITS = 16;
const pack = promisify(gzip);

/** The uploads of one folder. */
export class BucketUpload {
  readonly counts: UploadCounts = { uploaded: 0, failed: 0, bytes: 0 };
  readonly #options: BucketUploadOptions;
  readonly #ending = new AbortController();
  #put: PutFile | undefined;
  #oldestMilliseconds: number | undefined;
  #failures = 0;
  #isClosed = false;
  #cancel = () => {};
  #looking: Promise<void> = Promise.resolve();

  constructor(options: BucketUploadOptions) {
    this.#options = options;
    this.#schedule(LOOK_MILLISECONDS);
  }

  /** How long ago the oldest file was begun that the store has not got; 0 when it has all. */
  get lagSeconds(): number {
    const now = this.#options.clock.now();
    return Math.max(0, now - (this.#oldestMilliseconds ?? now)) / 1_000;
  }

  /** Takes what is there to the bucket, for so long a time, and ends. */
  async close(milliseconds: number): Promise<void> {
    this.#isClosed = true;
    this.#cancel();
    const cancel = this.#options.clock.schedule(milliseconds, () => this.#ending.abort());
    await this.#looking;
    if (milliseconds > 0 && !this.#ending.signal.aborted) await this.#look();
    cancel();
    this.#ending.abort();
  }

  #schedule(milliseconds: number): void {
    if (this.#isClosed) return;
    this.#cancel = this.#options.clock.schedule(milliseconds, () => {
      this.#looking = this.#look().then(() => {
        const { random } = this.#options;
        const failures = this.#failures;
        this.#schedule(failures === 0 ? LOOK_MILLISECONDS : backoffMilliseconds(BACKOFF, failures, random));
      });
    });
  }

  /** Never rejects: what goes wrong is counted, and tried again later. */
  async #look(): Promise<void> {
    try {
      const files = await closedFiles(this.#options.folder);
      this.#oldestMilliseconds = files[0]?.startMilliseconds;
      for (const [index, file] of files.entries()) {
        if (this.#ending.signal.aborted) return;
        await this.#upload(file);
        this.#oldestMilliseconds = files[index + 1]?.startMilliseconds;
      }
    } catch (error) {
      this.#failed(error);
    }
  }

  async #upload({ path, name, startMilliseconds }: ClosedFile): Promise<void> {
    const lines = await readFile(path);
    // Of one that was killed before it had written a line.
    if (lines.length > 0) {
      // On another thread, as the packing: requests may pass through this one.
      const digest = Buffer.from(await webcrypto.subtle.digest("SHA-256", lines));
      const hash = digest.toString("hex").slice(0, HASH_DIGITS);
      const date = new Date(startMilliseconds).toISOString().slice(0, 10);
      const key = `${this.#options.keyPrefix}date=${date}/${name}-${hash}.ndjson.gz`;
      const packed = await pack(lines);
      this.#put ??= await this.#options.open();
      await this.#put(key, packed, this.#ending.signal);
      this.counts.uploaded++;
      this.counts.bytes += packed.length;
    }
    await rm(path, { force: true });
    if (this.#failures > 0) this.#options.log.info("training logs reach the bucket again");
    this.#failures = 0;
  }

  #failed(error: unknown): void {
    // Whoever ends it has no time for a store that is away.
    if (this.#ending.signal.aborted) return;
    this.counts.failed++;
    this.#put = undefined;
    if (this.#failures++ === 0) this.#options.log.warn("training logs do not reach the bucket", { error });
  }
}
