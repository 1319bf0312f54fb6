/**
 * The files of a directory on disk, in the form that sources list them.
 *
 * Links are followed only inside the root that they are looked at from; a device, a pipe or a link that leads
 * out is refused, never skipped, so that what is listed is all there is.
 */
import type { Dirent } from "node:fs";
import { lstat, readdir, realpath, stat } from "node:fs/promises";
import { isAbsolute, join, relative, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { errorCode } from "./error-code.ts";
import { MAX_MODEL_FILES, type ModelFile, SourceError, tooManyFiles } from "./model-source.ts";

/** Longest path below a directory, in its parts: deeper trees are no model. */
const MAX_DEPTH = 32;

/**
 * Lists all regular files below a directory, by path.
 *
 * @param root what links may not lead out of: the directory, or a folder above it.
 * @throws SourceError for what is no file and no directory, for too many files, and when it cannot be read.
 */
export async function listDirectory(
  directory: string,
  root: string,
  urlOf: (path: string) => URL = (path) => pathToFileURL(join(directory, path)),
): Promise<ModelFile[]> {
  const files: ModelFile[] = [];
  const realRoot = await realPathOf(root);
  const walk = async (folder: string, depth: number): Promise<void> => {
    if (depth > MAX_DEPTH) throw unlisted(folder, `at most ${MAX_DEPTH} folders deep`, "a deeper folder");
    for (const entry of await entriesOf(join(directory, folder))) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      const absolute = join(directory, path);
      if (entry.isDirectory()) {
        await walk(path, depth + 1);
        continue;
      }
      if (entry.isSymbolicLink()) await refuseOutside(absolute, realRoot);
      const status = await stat(absolute).catch((error: unknown) => {
        throw unreadable(error, absolute);
      });
      if (!status.isFile()) throw unlisted(absolute, "files and folders", kindOf(status, entry));
      if (files.length === MAX_MODEL_FILES) throw tooManyFiles(directory);
      files.push({ path, url: urlOf(path), sizeBytes: status.size });
    }
  };
  await walk("", 1);
  return files;
}

/**
 * Resolves a path from a URI below a mounted folder, where neither dots nor links may lead out of it.
 *
 * @throws SourceError when it leads out, or when nothing is there.
 */
export async function pathBelow(root: string, path: string): Promise<string> {
  const parts = path.split("/").filter((part) => part !== "");
  if (parts.includes("..") || path.includes("\0")) throw outside(path);
  const absolute = join(root, ...parts);
  await lstat(absolute).catch((error: unknown) => {
    throw unreadable(error, absolute);
  });
  await refuseOutside(absolute, await realPathOf(root));
  return absolute;
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    throw unreadable(error, folder);
  }
}

async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    throw unreadable(error, path);
  }
}

/** Links of which the target lies elsewhere; a link to nothing cannot be read either. */
async function refuseOutside(path: string, realRoot: string): Promise<void> {
  const below = relative(realRoot, await realPathOf(path));
  if (below === ".." || below.startsWith(`..${sep}`) || isAbsolute(below)) throw outside(path);
}

function kindOf(status: { isDirectory(): boolean }, entry: Dirent): string {
  if (status.isDirectory()) return "a link to a folder";
  return entry.isSymbolicLink() ? "a link to a special file" : "a special file";
}

function unlisted(path: string, expected: string, found: string): SourceError {
  const message = `${path}: expected ${expected}, found ${found}`;
  return new SourceError({ message, expected, found, terminal: true });
}

function outside(path: string): SourceError {
  return unlisted(path, "a path inside the volume", "one that leads out of it");
}

/** Errors that a later attempt does not mend. */
const TERMINAL_CODES: ReadonlySet<string> = new Set([
  "ENOENT",
  "ENOTDIR",
  "EACCES",
  "EPERM",
  "EISDIR",
  "ELOOP",
]);

/** The error of the file system as a source tells it. */
export function unreadable(error: unknown, path: string): SourceError {
  if (error instanceof SourceError) return error;
  const code = errorCode(error) ?? "an unknown error";
  return new SourceError({
    message: `cannot read ${path}: ${code}`,
    expected: "a readable file",
    found: code,
    terminal: TERMINAL_CODES.has(code),
    cause: error,
  });
}
