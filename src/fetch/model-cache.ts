/**
 * A cache of models on a volume that several pods may share: what was downloaded and verified once need not be
 * downloaded again.
 *
 * An entry is named by its digest and appears by one rename, so it is complete or not there. It is not believed:
 * whoever takes a model from it computes the digest again, and drops an entry that has another one. Writers do
 * not know each other: the first one's entry stays. What killed writers left goes after an hour.
 *
 * It must never make a fetch fail: a cache that is full or broken is only slow.
 */
import { createReadStream, createWriteStream, type Stats } from "node:fs";
import { lstat, mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { errorCode } from "../sources/error-code.ts";
import type { Digest } from "./digest.ts";
import { syncDirectory } from "./volume.ts";

/** Folder below the root of the volume; its name is the version of the layout. */
const LAYOUT = "petrel-cache-v1";
const DRAFT_PREFIX = "draft-";
/** A draft in which nothing was written for so long belongs to nobody. */
const ABANDONED_MILLISECONDS = 3_600_000;
/** Name of a model of one file in its entry. */
const SINGLE_FILE = "file";
/** Name of the folder with a model of several files in its entry. */
const FILES = "files";

/** A verified file to keep. */
export interface CacheableFile {
  /** Path below the model; undefined for a model that is one file. */
  readonly path: string | undefined;
  /** Where it lies now. */
  readonly from: string;
}

/** The cache on one volume. */
export class ModelCache {
  readonly #folder: string;

  constructor(volume: string) {
    this.#folder = join(volume, LAYOUT);
  }

  /** Path of what an entry holds, a file or a folder of files; undefined when there is none. Not yet verified. */
  async find(digest: Digest): Promise<string | undefined> {
    for (const name of [SINGLE_FILE, FILES]) {
      const path = join(this.#entry(digest), name);
      if (await lstat(path).then(isEntryContent, () => false)) return path;
    }
    return undefined;
  }

  /** Removes an entry that is not what its name says. At once for others; a reader in the middle fails its check. */
  async drop(digest: Digest): Promise<void> {
    const draft = await this.#draft();
    try {
      await rename(this.#entry(digest), join(draft, "dropped"));
    } catch (error) {
      // Another reader has found the same, and was faster.
      if (errorCode(error) !== "ENOENT") throw error;
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }

  /**
   * Keeps the files of a verified model. Returns false when the entry is there already.
   *
   * @throws the file system's error when the volume refuses, or the signal's reason; nothing half is then visible.
   */
  async keep(digest: Digest, files: readonly CacheableFile[], signal: AbortSignal): Promise<boolean> {
    if ((await this.find(digest)) !== undefined) return false;
    const draft = await this.#draft();
    try {
      const entry = join(draft, "entry");
      await mkdir(entry);
      for (const { path, from } of files) {
        const to = path === undefined ? join(entry, SINGLE_FILE) : join(entry, FILES, path);
        await mkdir(dirname(to), { recursive: true });
        // Never over a file that is there; and, unlike copyFile, ended by the signal on a volume that is slow.
        await pipeline(createReadStream(from), createWriteStream(to, { flags: "wx", flush: true }), {
          signal,
        });
      }
      await syncTree(entry);
      await rename(entry, this.#entry(digest));
      await syncDirectory(this.#folder);
      return true;
    } catch (error) {
      const code = errorCode(error);
      if (code === "EEXIST" || code === "ENOTEMPTY") return false;
      throw error;
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }

  /** Removes drafts that nobody writes any more. Returns how many. */
  async clean(): Promise<number> {
    const own = await this.#draft();
    try {
      // The volume's own clock: that of another machine may have written the others.
      const now = (await stat(own)).mtimeMs;
      let removed = 0;
      for (const name of await readdir(this.#folder)) {
        const path = join(this.#folder, name);
        if (!name.startsWith(DRAFT_PREFIX) || path === own) continue;
        if (now - (await lastWrite(path)) < ABANDONED_MILLISECONDS) continue;
        await rm(path, { recursive: true, force: true });
        removed++;
      }
      return removed;
    } finally {
      await rm(own, { recursive: true, force: true });
    }
  }

  #entry(digest: Digest): string {
    return join(this.#folder, digest.replace(":", "-"));
  }

  async #draft(): Promise<string> {
    await mkdir(this.#folder, { recursive: true });
    return await mkdtemp(join(this.#folder, DRAFT_PREFIX));
  }
}

function isEntryContent(status: Stats): boolean {
  return status.isFile() || status.isDirectory();
}

/** The latest change anywhere in a draft, in milliseconds. What vanishes meanwhile is somebody's. */
async function lastWrite(path: string): Promise<number> {
  try {
    const { mtimeMs } = await lstat(path);
    const names = await readdir(path, { recursive: true });
    const times = await Promise.all(names.map(async (name) => (await lstat(join(path, name))).mtimeMs));
    return Math.max(mtimeMs, ...times);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

async function syncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await syncTree(join(folder, entry.name));
  }
  await syncDirectory(folder);
}
