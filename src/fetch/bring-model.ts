/**
 * Brings all files of a model from a source to where they are checked: into a staged model, or, for a model that
 * is mounted, nowhere. Every byte passes through a digest on its way.
 */
import { join } from "node:path";
import type { ArchiveFormat } from "../api/model-source.ts";
import { MODEL_VOLUME } from "../api/names.ts";
import type { ModelFile, ModelLocation, ModelSource } from "../sources/model-source.ts";
import { displayUrl } from "../sources/model-uri.ts";
import type { Digest } from "./digest.ts";
import { download, type SourcePatience, tooLarge } from "./download.ts";
import { FetchFailure } from "./failure.ts";
import type { StagedModel } from "./model-directory.ts";
import { type ManifestEntry, manifestDigest } from "./model-manifest.ts";
import { checkedPath } from "./model-path.ts";
import { progressLogger } from "./progress.ts";
import { type RetryEnvironment, retrying, within } from "./retrying.ts";
import { DigestSink } from "./staged-file.ts";

/** A model whose bytes have been seen, once. */
export type BroughtModel =
  | {
      readonly type: "File";
      /** Where the file, or the archive, lies now. */
      readonly path: string;
      readonly digest: Digest;
      readonly sizeBytes: number;
    }
  | {
      readonly type: "Directory";
      /** Where the files lie now. */
      readonly folder: string;
      readonly files: readonly ManifestEntry[];
      /** Digest of the manifest. */
      readonly digest: Digest;
      readonly sizeBytes: number;
    };

/** How a model is brought. */
export interface Bringing extends RetryEnvironment {
  readonly maxBytes: number;
  readonly patience: SourcePatience;
  /** Set for an archive, which is kept apart until it is unpacked. */
  readonly archive: ArchiveFormat | undefined;
}

/**
 * Brings the model at a URL.
 *
 * @throws SourceError as the source does; FetchFailure when the model is too large or has paths that none may have.
 */
export async function bringModel(
  url: URL,
  source: ModelSource,
  staged: StagedModel | { readonly mountedAt: string },
  bringing: Bringing,
): Promise<BroughtModel> {
  const { archive } = bringing;
  const shown = displayUrl(url);
  const location = await retrying(bringing, shown, noBytes, () => locate(url, source, shown, bringing));
  if (location.type === "File") {
    if ("mountedAt" in staged) throw notA("directory", "a file", shown);
    const file = await (archive === undefined
      ? staged.file(MODEL_VOLUME.modelFile)
      : staged.workingFile("archive"));
    await download({ ...bringing, source, url, shown, sink: file, onProgress: progressOf(bringing) });
    return { type: "File", path: file.path, digest: await file.finish(), sizeBytes: file.sizeBytes };
  }
  if (archive !== undefined) throw notA(`file of format ${archive}`, "a directory", shown);
  return await bringFiles(location.files, source, staged, bringing);
}

/** One question what is at the URL; nothing of it goes on after its time. */
async function locate(
  url: URL,
  source: ModelSource,
  shown: string,
  { clock, patience, signal }: Bringing,
): Promise<ModelLocation> {
  const done = new AbortController();
  const located = source.locate({ url, signal: AbortSignal.any([signal, done.signal]) });
  try {
    return await within(located, clock, patience.openMilliseconds, `${shown} did not answer`);
  } finally {
    done.abort();
  }
}

function noBytes(): number {
  return 0;
}

function progressOf({ clock, logger }: RetryEnvironment) {
  return progressLogger(clock, logger);
}

async function bringFiles(
  listed: readonly ModelFile[],
  source: ModelSource,
  staged: StagedModel | { readonly mountedAt: string },
  bringing: Bringing,
): Promise<BroughtModel> {
  const { maxBytes } = bringing;
  // All before the first byte: a listing that is refused in the end costs no download.
  for (const { path } of listed) checkedPath(path, "Source");
  const announcedBytes = listed.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0);
  if (announcedBytes > maxBytes) throw tooLarge(maxBytes, `${announcedBytes} bytes`);

  const onProgress = progressOf(bringing);
  const files: ManifestEntry[] = [];
  let sizeBytes = 0;
  for (const { path, url } of listed) {
    const sink = "mountedAt" in staged ? new DigestSink() : await staged.file(path);
    const precedingBytes = sizeBytes;
    await download({
      ...bringing,
      source,
      url,
      shown: displayUrl(url),
      sink,
      precedingBytes,
      onProgress: (bytes) => onProgress(precedingBytes + bytes, announcedBytes),
    });
    files.push({ path, digest: await sink.finish() });
    sizeBytes += sink.sizeBytes;
  }
  if (files.length === 0) throw notA("directory with files", "none", "the model");
  const folder = "mountedAt" in staged ? staged.mountedAt : staged.modelFolder;
  return { type: "Directory", folder, files, digest: manifestDigest(files), sizeBytes };
}

/** The files of a brought model, on disk. */
export function filesOf(model: BroughtModel): readonly { path: string | undefined; from: string }[] {
  if (model.type === "File") return [{ path: undefined, from: model.path }];
  return model.files.map(({ path }) => ({ path, from: join(model.folder, path) }));
}

function notA(expected: string, found: string, shown: string): FetchFailure {
  const message = `${shown}: expected a ${expected}, found ${found}`;
  return new FetchFailure({ check: "Source", message, expected: `a ${expected}`, found, terminal: true });
}
