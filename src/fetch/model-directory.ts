/**
 * The model on disk. A model is written under a hidden name beside the target and shown by one rename of
 * its directory, so that the target is either absent or complete and verified, whatever is killed when.
 *
 * It must never delete what it did not write: a target that holds anything but a model file is refused.
 */
import type { Hash } from "node:crypto";
import { createReadStream, type Dirent } from "node:fs";
import { chmod, type FileHandle, lstat, mkdtemp, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { MODEL_VOLUME } from "../api/names.ts";
import { errorCode } from "../sources/error-code.ts";
import { type Digest, finishDigest, startDigest } from "./digest.ts";
import type { ByteSink } from "./download.ts";
import { FetchFailure } from "./failure.ts";

/** What lies at the target before a fetch. */
export type TargetState =
  | { readonly type: "Absent" }
  | { readonly type: "Verified"; readonly sizeBytes: number }
  /** A model directory, but not of this model: half of it, another one, or an empty directory. */
  | { readonly type: "Unverified"; readonly found: string }
  /** Not a model directory: somebody else's, not to be touched. */
  | { readonly type: "Foreign"; readonly found: string };

/** Looks at the target and, if it is a model directory, computes the digest of its model. */
export async function inspectTarget(
  target: string,
  expected: Digest,
  signal: AbortSignal,
): Promise<TargetState> {
  return await onVolume(`inspect ${target}`, async () => {
    const status = await lstat(target).catch(undefinedWhenMissing);
    if (status === undefined) return { type: "Absent" };
    if (!status.isDirectory()) return { type: "Foreign", found: "not a directory" };
    const entries = await readdir(target, { withFileTypes: true });
    const foreign = entries.find((entry) => !isModelFile(entry));
    if (foreign !== undefined) return { type: "Foreign", found: `an entry ${JSON.stringify(foreign.name)}` };
    if (entries.length === 0) return { type: "Unverified", found: "an empty directory" };
    const { digest, sizeBytes } = await digestOfFile(join(target, MODEL_VOLUME.modelFile), signal);
    return digest === expected ? { type: "Verified", sizeBytes } : { type: "Unverified", found: digest };
  });
}

/** Makes an unverified target vanish at once, then frees its space. */
export async function discardTarget(target: string): Promise<void> {
  await onVolume(`remove ${target}`, async () => {
    const discarded = await mkdtemp(hiddenPrefix(target));
    await rename(target, join(discarded, "discarded"));
    await rm(discarded, { recursive: true });
  });
}

/** Removes what earlier attempts left beside the target when they were killed. Returns the names. */
export async function removeLeftovers(target: string): Promise<string[]> {
  const parent = dirname(resolve(target));
  return await onVolume(`clean ${parent}`, async () => {
    const names = await readdir(parent);
    const leftovers = names.filter((name) => join(parent, name).startsWith(hiddenPrefix(target)));
    for (const name of leftovers) await rm(join(parent, name), { recursive: true });
    return leftovers;
  });
}

/** A model that is being written, beside the target and on its file system. */
export class StagedModel implements ByteSink {
  readonly #target: string;
  readonly #directory: string;
  readonly #file: FileHandle;
  #hash: Hash = startDigest();
  #sizeBytes = 0;

  private constructor(target: string, directory: string, file: FileHandle) {
    this.#target = target;
    this.#directory = directory;
    this.#file = file;
  }

  /** Makes an empty staged model for a target. Its parent directory must exist. */
  static async create(target: string): Promise<StagedModel> {
    return await onVolume(`write beside ${target}`, async () => {
      const directory = await mkdtemp(hiddenPrefix(target));
      const file = await open(join(directory, MODEL_VOLUME.modelFile), "wx");
      return new StagedModel(target, directory, file);
    });
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async write(chunk: Uint8Array): Promise<void> {
    await onVolume(`write beside ${this.#target}`, async () => {
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
    await onVolume(`truncate beside ${this.#target}`, () => this.#file.truncate(0));
    this.#hash = startDigest();
    this.#sizeBytes = 0;
  }

  /** The digest of all bytes written. Ends the writing. */
  finishDigest(): Digest {
    return finishDigest(this.#hash);
  }

  /**
   * Shows the model at the target, which must be absent. Content, names and the rename itself are on disk
   * when this returns. Readable by any user: the model server may run as another one.
   */
  async publish(): Promise<void> {
    await onVolume(`publish ${this.#target}`, async () => {
      await this.#file.chmod(0o444);
      await this.#file.sync();
      await chmod(this.#directory, 0o755);
      await syncDirectory(this.#directory);
      await rename(this.#directory, this.#target);
      await syncDirectory(dirname(resolve(this.#target)));
    });
  }

  /**
   * Closes the file and removes whatever is still staged. To be called in any case. Never throws: what led
   * here is what must be reported, and anything left behind is hidden and goes at the next start.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close().catch(() => {});
    await rm(this.#directory, { recursive: true, force: true }).catch(() => {});
  }
}

/** Hidden, and distinct for each target, so that two models may lie in one volume. */
function hiddenPrefix(target: string): string {
  const path = resolve(target);
  return join(dirname(path), `.${basename(path)}.fetch-`);
}

function isModelFile(entry: Dirent): boolean {
  return entry.name === MODEL_VOLUME.modelFile && entry.isFile();
}

async function digestOfFile(
  path: string,
  signal: AbortSignal,
): Promise<{ digest: Digest; sizeBytes: number }> {
  const hash = startDigest();
  let sizeBytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, signal })) {
    hash.update(chunk);
    sizeBytes += chunk.length;
  }
  return { digest: finishDigest(hash), sizeBytes };
}

/** A rename is durable only once the directory that holds the name is written. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function undefinedWhenMissing(error: unknown): undefined {
  if (errorCode(error) === "ENOENT") return undefined;
  throw error;
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

/** Names what was done when the volume refused it. */
async function onVolume<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const code = errorCode(cause);
    if (code === undefined || code === "ABORT_ERR") throw cause;
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
