/**
 * Unpacks a model's archive into a staged model: regular files and folders, below the model's directory, and
 * nothing else. A link, a device, a path that leads out or stands there twice makes the whole archive refused.
 *
 * Modes, owners and times of the archive are ignored. tar-stream and yauzl read the formats and touch no file
 * system; what is written where is decided here alone.
 */
import { createReadStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { extract } from "tar-stream";
import { type Entry, openPromise } from "yauzl";
import type { ArchiveFormat } from "../api/model-source.ts";
import { errorMessage } from "../core/log.ts";
import { FetchFailure } from "./failure.ts";
import type { StagedModel } from "./model-directory.ts";
import type { ManifestEntry } from "./model-manifest.ts";
import { checkedPath } from "./model-path.ts";
import { refusedArchive, UnpackBudget } from "./unpack-budget.ts";
import { onVolume } from "./volume.ts";

/** What to unpack, and where to. */
export interface Unpacking {
  readonly archive: string;
  readonly archiveBytes: number;
  readonly format: ArchiveFormat;
  readonly staged: StagedModel;
  /** Largest size of all files unpacked. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** What came out of an archive. */
export interface UnpackedModel {
  readonly files: readonly ManifestEntry[];
  readonly sizeBytes: number;
}

/** One entry of an archive, whatever its format. */
interface ArchiveEntry {
  /** As it stands in the archive. */
  readonly name: string;
  readonly kind: "File" | "Folder" | { readonly refused: string };
  readonly content: () => Promise<AsyncIterable<Uint8Array>>;
}

/**
 * Unpacks an archive.
 *
 * @throws FetchFailure (`Archive`) when it is none, is cut off, or holds what no model may hold.
 */
export async function unpackArchive(unpacking: Unpacking): Promise<UnpackedModel> {
  const { archiveBytes, format, maxBytes, signal, staged } = unpacking;
  const budget = new UnpackBudget(archiveBytes, maxBytes);
  const files: ManifestEntry[] = [];
  const take = async (entry: ArchiveEntry): Promise<void> => {
    signal.throwIfAborted();
    const file = await unpackEntry(entry, staged, budget);
    if (file !== undefined) files.push(file);
  };
  try {
    await (format === "Zip" ? readZip(unpacking, take) : readTar(unpacking, budget, take));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof FetchFailure) throw error;
    throw refusedArchive(`a complete archive of format ${format}`, errorMessage(error).slice(0, 200), error);
  }
  if (files.length === 0) throw refusedArchive("an archive with files", "none");
  return { files, sizeBytes: budget.bytes };
}

async function unpackEntry(
  entry: ArchiveEntry,
  staged: StagedModel,
  budget: UnpackBudget,
): Promise<ManifestEntry | undefined> {
  const { kind } = entry;
  if (typeof kind === "object") {
    throw refusedArchive(
      "files and folders alone",
      `${kind.refused} ${JSON.stringify(entry.name.slice(0, 100))}`,
    );
  }
  // "./model.onnx" and "folder/" are how archivers write ordinary entries.
  const name = entry.name.replace(/^(\.\/+)+/, "").replace(/\/+$/, "");
  budget.addEntry(kind);
  if (name === "" || name === ".") {
    if (kind === "Folder") return undefined;
  }
  const path = checkedPath(name, "Archive");
  if (kind === "Folder") {
    await onVolume(`make ${path}`, () => mkdir(join(staged.modelFolder, path), { recursive: true }));
    return undefined;
  }
  const file = await staged.file(path).catch((error: unknown) => {
    const code = error instanceof FetchFailure ? error.found : "";
    // A folder and a file of one name are a path twice as well.
    if (!["EEXIST", "EISDIR", "ENOTDIR"].includes(code)) throw error;
    throw refusedArchive("each path once", `${JSON.stringify(path)} twice`);
  });
  for await (const chunk of await entry.content()) {
    budget.addBytes(chunk.byteLength);
    await file.write(chunk);
  }
  return { path, digest: await file.finish() };
}

async function readTar(
  { archive, format, signal }: Unpacking,
  budget: UnpackBudget,
  take: (entry: ArchiveEntry) => Promise<void>,
): Promise<void> {
  const entries = extract();
  const bytes = createReadStream(archive, { signal });
  const counted = async function* (chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) {
      budget.addStreamed(chunk.byteLength);
      yield chunk;
    }
  };
  const fed =
    format === "TarGzip"
      ? pipeline(bytes, createGunzip(), counted, entries)
      : pipeline(bytes, counted, entries);
  // Awaited below; until then it must not count as an error that nobody handles.
  fed.catch(() => {});
  for await (const entry of entries) {
    const { name, type } = entry.header;
    await take({
      name,
      kind:
        type === "file" || type === "contiguous-file"
          ? "File"
          : type === "directory"
            ? "Folder"
            : { refused: `a ${type ?? "nameless thing"}` },
      content: async () => entry,
    });
    // What is not read stays in the way of the next entry.
    entry.resume();
  }
  await fed;
}

/** Bits of a Unix mode in a zip that say what an entry is. */
const KIND_OF_MODE = 0o170000;
const REGULAR_FILE = 0o100000;
const FOLDER = 0o040000;

async function readZip(
  { archive, signal }: Unpacking,
  take: (entry: ArchiveEntry) => Promise<void>,
): Promise<void> {
  const zip = await openPromise(archive, { lazyEntries: true, autoClose: false, strictFileNames: true });
  try {
    for await (const entry of zip.eachEntry()) {
      await take({
        name: entry.fileName,
        kind: zipKind(entry),
        content: async () => {
          const stream = await zip.openReadStreamPromise(entry);
          signal.addEventListener("abort", () => stream.destroy(), { once: true });
          return stream;
        },
      });
    }
  } finally {
    zip.close();
  }
}

function zipKind(entry: Entry): ArchiveEntry["kind"] {
  if (entry.isEncrypted()) return { refused: "an encrypted file" };
  // The upper half is the Unix mode, where the archiver knew one.
  const mode = (entry.externalFileAttributes >>> 16) & KIND_OF_MODE;
  const isFolder = entry.fileName.endsWith("/");
  if (mode !== 0 && mode !== REGULAR_FILE && mode !== FOLDER) {
    return { refused: mode === 0o120000 ? "a symlink" : "a special file" };
  }
  return isFolder ? "Folder" : "File";
}
