/**
 * One file that is being written, with the digest of its bytes on the way.
 */
import type { Hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { type Digest, finishDigest, startDigest } from "./digest.ts";
import type { ByteSink } from "./download.ts";
import { onVolume } from "./volume.ts";

/** A file that is being written. */
export class StagedFile implements ByteSink {
  readonly path: string;
  readonly #file: FileHandle;
  #hash: Hash = startDigest();
  #sizeBytes = 0;
  #isOpen = true;

  private constructor(path: string, file: FileHandle) {
    this.path = path;
    this.#file = file;
  }

  /** Makes an empty file; there must be none. */
  static async create(path: string): Promise<StagedFile> {
    return new StagedFile(path, await open(path, "wx"));
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async write(chunk: Uint8Array): Promise<void> {
    await onVolume(`write ${this.path}`, async () => {
      for (let written = 0; written < chunk.byteLength; ) {
        const position = this.#sizeBytes + written;
        const { bytesWritten } = await this.#file.write(chunk, written, chunk.byteLength - written, position);
        written += bytesWritten;
      }
    });
    this.#hash.update(chunk);
    this.#sizeBytes += chunk.byteLength;
  }

  async restart(): Promise<void> {
    await onVolume(`truncate ${this.path}`, () => this.#file.truncate(0));
    this.#hash = startDigest();
    this.#sizeBytes = 0;
  }

  /** Ends the writing; gives the digest of all bytes. */
  async finish(): Promise<Digest> {
    await onVolume(`close ${this.path}`, () => this.close());
    return finishDigest(this.#hash);
  }

  /** Closes the file; a second time does nothing. */
  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#file.close();
  }
}

/** Takes bytes for their digest alone: of a file that stays where it is. */
export class DigestSink implements ByteSink {
  #hash: Hash = startDigest();
  #sizeBytes = 0;

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#hash.update(chunk);
    this.#sizeBytes += chunk.byteLength;
  }

  async restart(): Promise<void> {
    this.#hash = startDigest();
    this.#sizeBytes = 0;
  }

  /** Gives the digest of all bytes. */
  finish(): Digest {
    return finishDigest(this.#hash);
  }
}

/** Keeps bytes in memory: of a signature, which is small. */
export class MemorySink implements ByteSink {
  #chunks: Uint8Array[] = [];
  #sizeBytes = 0;

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#chunks.push(chunk);
    this.#sizeBytes += chunk.byteLength;
  }

  async restart(): Promise<void> {
    this.#chunks = [];
    this.#sizeBytes = 0;
  }

  /** All bytes. */
  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}
