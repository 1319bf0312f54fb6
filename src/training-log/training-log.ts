/**
 * A log for training of a sample of the requests: lines of JSON, in files, in a bucket where there is one.
 *
 * It must slow nothing. What is beyond its rate, its memory or its disk is dropped and counted, and no error of it
 * reaches whoever offers a line. Who is in the sample follows from the request's id.
 */
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import type { WorkloadEnvironment } from "../sources/s3-key-files.ts";
import { BucketUpload, type UploadCounts } from "./bucket-upload.ts";
import { ByteRate } from "./byte-rate.ts";
import { finishLeftOver, LineFiles } from "./line-files.ts";
import type { TrainingLogSettings } from "./log-settings.ts";
import { LogStore } from "./log-store.ts";
import { isSampled } from "./sampled.ts";

/** What lines are about: a folder of the bucket. */
export type LogKind = "requests" | "labels";

/** What became of the lines of the sample, by result. */
export const LINE_RESULTS = ["written", "over_rate", "memory_full", "folder_full", "cannot_write"] as const;

/** One of {@link LINE_RESULTS}. */
export type LineResult = (typeof LINE_RESULTS)[number];

/** What is shown of a log. */
export interface ShownLog {
  readonly kind: LogKind;
  readonly lines: Readonly<Record<LineResult, number>>;
  /** Undefined where there is no bucket. */
  readonly uploads: (UploadCounts & { readonly lagSeconds: number }) | undefined;
}

/** What every log of a process needs. */
export interface LogEdges {
  /** Tells the files of this process from those of others. */
  readonly name: string;
  readonly environment: WorkloadEnvironment;
  readonly clock: Clock;
  readonly log: Logger;
  /** Numbers from 0 to below 1. */
  readonly random: () => number;
}

/** How long the end of a process waits for the bucket. */
const CLOSE_MILLISECONDS = 10_000;

/** A log. */
export class TrainingLog {
  readonly #settings: TrainingLogSettings;
  readonly #kind: LogKind;
  readonly #clock: Clock;
  readonly #rate: ByteRate;
  readonly #files: LineFiles;
  readonly #upload: BucketUpload | undefined;
  #overRate = 0;

  /**
   * `isFirst` says that this process has not written into the folder yet: what a killed one of its name left is closed.
   *
   * @throws {Error} when the folder cannot be used.
   */
  constructor(settings: TrainingLogSettings, kind: LogKind, isFirst: boolean, edges: LogEdges) {
    const { folder, bucket, bytesPerMinute } = settings;
    const { name, environment, clock, log, random } = edges;
    this.#settings = settings;
    this.#kind = kind;
    this.#clock = clock;
    this.#rate = new ByteRate(bytesPerMinute, clock.monotonic());
    if (isFirst) finishLeftOver(folder, name);
    this.#files = new LineFiles(settings, name, { clock, log });
    if (bucket === undefined) return;
    const store = new LogStore(bucket, environment, clock);
    this.#upload = new BucketUpload({
      folder,
      keyPrefix: `${bucket.prefix === "" ? "" : `${bucket.prefix}/`}${kind}/`,
      open: () => store.open(),
      ...{ clock, log, random },
    });
  }

  /** What has become of lines and files so far. */
  get shown(): ShownLog {
    const { written, memoryFull, folderFull, cannotWrite } = this.#files.counts;
    const upload = this.#upload;
    return {
      kind: this.#kind,
      lines: {
        written,
        over_rate: this.#overRate,
        memory_full: memoryFull,
        folder_full: folderFull,
        cannot_write: cannotWrite,
      },
      uploads: upload === undefined ? undefined : { ...upload.counts, lagSeconds: upload.lagSeconds },
    };
  }

  /** Takes the line of a request that is in the sample, if there is room. It is made only then. */
  offer(requestId: Uint8Array, line: () => string): void {
    if (!isSampled(requestId, this.#settings.sample)) return;
    if (!this.#rate.isOpen(this.#clock.monotonic())) {
      this.#overRate++;
      return;
    }
    this.#files.add(() => {
      const text = line();
      this.#rate.spend(text.length);
      return text;
    });
  }

  /** Writes what waits and takes it to the bucket, as far as that is quick. */
  async close(): Promise<void> {
    await this.#files.close();
    await this.#upload?.close(CLOSE_MILLISECONDS);
  }

  /** The same where another log goes on with the folder: what lies there is its. */
  async handOver(): Promise<void> {
    await this.#files.close();
    await this.#upload?.close(0);
  }
}
