/**
 * The model on disk. A model is written in a hidden folder beside the target and shown by one rename of its
 * directory, so that the target is either absent or complete and verified, whatever is killed when.
 *
 * It must never delete what it did not write: a target that holds anything but a model file is refused, unless
 * the mark beside it says that it was put there by a fetch.
 */
import type { Dirent } from "node:fs";
import { chmod, lstat, mkdir, mkdtemp, open, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { MODEL_VOLUME } from "../api/names.ts";
import { listDirectory } from "../sources/directory-files.ts";
import { errorCode } from "../sources/error-code.ts";
import type { Digest } from "./digest.ts";
import { digestOfFile } from "./file-digest.ts";
import { type ManifestEntry, manifestDigest } from "./model-manifest.ts";
import { StagedFile } from "./staged-file.ts";
import { onVolume, syncDirectory } from "./volume.ts";

/** What lies at the target before a fetch. */
export type TargetState =
  | { readonly type: "Absent" }
  | { readonly type: "Verified"; readonly sizeBytes: number }
  /** A model directory, but not of this model: half of it, another one, or an empty directory. */
  | { readonly type: "Unverified"; readonly found: string }
  /** Not a model directory: somebody else's, not to be touched. */
  | { readonly type: "Foreign"; readonly found: string };

/**
 * Looks at the target and, if it is a model directory, computes the digest of its model.
 *
 * @param expected undefined when no digest of the unpacked files is known: what is there is then unverified.
 */
export async function inspectTarget(
  target: string,
  expected: Digest | undefined,
  signal: AbortSignal,
): Promise<TargetState> {
  return await onVolume(`inspect ${target}`, async () => {
    const status = await lstat(target).catch(undefinedWhenMissing);
    if (status === undefined) return { type: "Absent" };
    if (!status.isDirectory()) return { type: "Foreign", found: "not a directory" };
    const entries = await readdir(target, { withFileTypes: true });
    const foreign = entries.find((entry) => !isModelFile(entry));
    if (foreign !== undefined && (await lstat(markOf(target)).catch(undefinedWhenMissing)) === undefined) {
      return { type: "Foreign", found: `an entry ${JSON.stringify(foreign.name)}` };
    }
    if (entries.length === 0) return { type: "Unverified", found: "an empty directory" };
    if (expected === undefined)
      return { type: "Unverified", found: "a model that cannot be verified in place" };
    const { digests, sizeBytes } = await digestsOfDirectory(target, signal);
    return digests.includes(expected)
      ? { type: "Verified", sizeBytes }
      : { type: "Unverified", found: digests[0] ?? "nothing" };
  });
}

/** The digests that a directory answers to: its manifest's, and before it that of a single model file. */
async function digestsOfDirectory(
  directory: string,
  signal: AbortSignal,
): Promise<{ digests: readonly Digest[]; sizeBytes: number }> {
  const entries: ManifestEntry[] = [];
  let sizeBytes = 0;
  for (const { path } of await listDirectory(directory, directory)) {
    const file = await digestOfFile(join(directory, path), signal);
    entries.push({ path, digest: file.digest });
    sizeBytes += file.sizeBytes;
  }
  const [first, ...others] = entries;
  const single = first?.path === MODEL_VOLUME.modelFile && others.length === 0 ? [first.digest] : [];
  return { digests: [...single, manifestDigest(entries)], sizeBytes };
}

/** Makes an unverified target vanish at once, then frees its space. */
export async function discardTarget(target: string): Promise<void> {
  await onVolume(`remove ${target}`, async () => {
    const discarded = await mkdtemp(hiddenPrefix(target));
    await rename(target, join(discarded, "discarded"));
    // What may be put there by somebody else from now on is not ours.
    await rm(markOf(target), { force: true });
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
    // A mark without its model would speak for whatever somebody else puts there.
    if (!names.includes(basename(resolve(target)))) await rm(markOf(target), { force: true });
    return leftovers;
  });
}

/** A model that is being written, in a hidden folder beside the target and on its file system. */
export class StagedModel {
  readonly #target: string;
  readonly #folder: string;
  readonly #open = new Set<StagedFile>();
  #isSingleFile = true;

  private constructor(target: string, folder: string) {
    this.#target = target;
    this.#folder = folder;
  }

  /** Makes an empty staged model for a target. Its parent directory must exist. */
  static async create(target: string): Promise<StagedModel> {
    return await onVolume(`write beside ${target}`, async () => {
      const folder = await mkdtemp(hiddenPrefix(target));
      await mkdir(join(folder, "model"));
      return new StagedModel(target, folder);
    });
  }

  /** The directory that will be shown. */
  get modelFolder(): string {
    return join(this.#folder, "model");
  }

  /** Where a staged file lies once the model is shown. A working file is not shown, and stays where it is. */
  shownPath(path: string): string {
    const below = relative(this.modelFolder, path);
    return below === ".." || below.startsWith("../") ? path : join(this.#target, below);
  }

  /** Starts a file of the model. The path must have been checked; a second file of one path is refused. */
  async file(path: string): Promise<StagedFile> {
    if (path !== MODEL_VOLUME.modelFile) this.#isSingleFile = false;
    return await this.#create(join(this.modelFolder, path));
  }

  /** Starts a file that belongs to the fetch alone: an archive, before it is unpacked. It is never shown. */
  async workingFile(name: string): Promise<StagedFile> {
    return await this.#create(join(this.#folder, name));
  }

  async #create(path: string): Promise<StagedFile> {
    const file = await onVolume(`write beside ${this.#target}`, async () => {
      await mkdir(dirname(path), { recursive: true });
      return await StagedFile.create(path);
    });
    this.#open.add(file);
    return file;
  }

  /**
   * Shows the model at the target, which must be absent. Content, names and the rename itself are on disk
   * when this returns. Readable by any user: the model server may run as another one.
   */
  async publish(): Promise<void> {
    await onVolume(`publish ${this.#target}`, async () => {
      await this.#closeAll();
      await settle(this.modelFolder);
      const parent = dirname(resolve(this.#target));
      // Before the model, so that no model of many files is ever there without it.
      if (!this.#isSingleFile) await writeFile(markOf(this.#target), "");
      await rename(this.modelFolder, this.#target);
      await syncDirectory(parent);
    });
  }

  async #closeAll(): Promise<void> {
    for (const file of this.#open) await file.close();
    this.#open.clear();
  }

  /**
   * Closes all files and removes whatever is still staged. To be called in any case. Never throws: what led
   * here is what must be reported, and anything left behind is hidden and goes at the next start.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closeAll().catch(() => {});
    await rm(this.#folder, { recursive: true, force: true }).catch(() => {});
  }
}

/** Puts a tree on disk, files first, each readable by all and writable by nobody. */
async function settle(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      await settle(path);
      continue;
    }
    const file = await open(path, "r");
    try {
      await file.chmod(0o444);
      await file.sync();
    } finally {
      await file.close();
    }
  }
  await chmod(folder, 0o755);
  await syncDirectory(folder);
}

/** Hidden, and distinct for each target, so that two models may lie in one volume. */
function hiddenPrefix(target: string): string {
  const path = resolve(target);
  return join(dirname(path), `.${basename(path)}.fetch-`);
}

/** Beside a target of many files: it was put there by a fetch, and may be replaced by one. */
function markOf(target: string): string {
  const path = resolve(target);
  return join(dirname(path), `.${basename(path)}.fetched`);
}

function isModelFile(entry: Dirent): boolean {
  return entry.name === MODEL_VOLUME.modelFile && entry.isFile();
}

function undefinedWhenMissing(error: unknown): undefined {
  if (errorCode(error) === "ENOENT") return undefined;
  throw error;
}
