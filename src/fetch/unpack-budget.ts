/**
 * What an archive may hold in all: files, bytes, and bytes for each byte of the archive. Pure accounting; asked
 * before anything is written.
 */
import { MAX_MODEL_FILES } from "../sources/model-source.ts";
import { FetchFailure } from "./failure.ts";

/** Entries of all kinds, folders too. */
export const MAX_ENTRIES = 2 * MAX_MODEL_FILES;
/** Unpacked bytes for each byte of the archive: weights hardly compress, a bomb does by a thousand. */
export const MAX_RATIO = 200;
/** Unpacked bytes that are no bomb whatever their ratio. */
export const RATIO_FREE_BYTES = 64 << 20;

/** Bytes of an archive for each entry beside its content: headers, long names, padding. */
export const ENTRY_OVERHEAD_BYTES = 4096;
/** Such bytes that are always granted: what is read ahead, and the end of an archive. */
export const FREE_OVERHEAD_BYTES = 4 << 20;

/** Counts what comes out of one archive. */
export class UnpackBudget {
  readonly #archiveBytes: number;
  readonly #maxBytes: number;
  #entries = 0;
  #files = 0;
  #bytes = 0;
  #streamedBytes = 0;

  constructor(archiveBytes: number, maxBytes: number) {
    this.#archiveBytes = archiveBytes;
    this.#maxBytes = maxBytes;
  }

  /** Files so far. */
  get files(): number {
    return this.#files;
  }

  /** Unpacked bytes so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes an entry. Throws FetchFailure (`Archive`) when there are too many. */
  addEntry(type: "File" | "Folder"): void {
    this.#entries++;
    if (type === "File") this.#files++;
    if (this.#entries > MAX_ENTRIES) throw refusedArchive(`at most ${MAX_ENTRIES} entries`, "more");
    if (this.#files > MAX_MODEL_FILES) throw refusedArchive(`at most ${MAX_MODEL_FILES} files`, "more");
  }

  /** Takes bytes before they are written. Throws FetchFailure (`Archive`) when they are too many. */
  addBytes(count: number): void {
    this.#bytes += count;
    if (this.#bytes > this.#maxBytes)
      throw refusedArchive(`at most ${this.#maxBytes} bytes unpacked`, "more");
    if (this.#bytes > RATIO_FREE_BYTES && this.#bytes > MAX_RATIO * this.#archiveBytes) {
      const expected = `at most ${MAX_RATIO} bytes unpacked for each byte of the archive`;
      throw refusedArchive(expected, `more, as a decompression bomb has`);
    }
  }

  /**
   * Takes bytes of the archive itself before anybody parses them. Throws FetchFailure (`Archive`) when too many of
   * them are no content: a parser may hold a header of any size in memory.
   */
  addStreamed(count: number): void {
    this.#streamedBytes += count;
    const overheadBytes = this.#streamedBytes - this.#bytes;
    if (overheadBytes > FREE_OVERHEAD_BYTES + this.#entries * ENTRY_OVERHEAD_BYTES) {
      throw refusedArchive(`at most ${ENTRY_OVERHEAD_BYTES} bytes beside the content of each entry`, "more");
    }
  }
}

/** An archive that is refused for good. */
export function refusedArchive(expected: string, found: string, cause?: unknown): FetchFailure {
  const message = `the archive is refused: expected ${expected}, found ${found}`;
  return new FetchFailure({ check: "Archive", message, expected, found, terminal: true, cause });
}
