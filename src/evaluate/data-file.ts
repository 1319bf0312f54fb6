/**
 * The labelled set as a file of this machine: copied from where it is, whole and bounded, before it is read, so that
 * neither a broken connection nor somebody who writes to it can tear it.
 */
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import { DEFAULT_PATIENCE, download } from "../fetch/download.ts";
import { readSourceSettings, type SourceOptions } from "../fetch/source-options.ts";
import { StagedFile } from "../fetch/staged-file.ts";
import { type DataRecord, dataRecords, type RecordFormat } from "../records/data-records.ts";
import { parseModelUri } from "../sources/model-uri.ts";
import { sourceFor } from "../sources/register.ts";

/** A set that lies on this machine. */
export interface DataFile {
  /** `sha256:` and the hexadecimal digest of its bytes. */
  readonly digest: string;
  readonly sizeBytes: number;
  /** Reads it, from the beginning. */
  records(format: RecordFormat): AsyncIterable<DataRecord>;
  /** Lets go of it. */
  close(): Promise<void>;
}

/** A path or a URI as a URI. */
export function uriOf(location: string): string {
  return /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(location) ? location : pathToFileURL(resolve(location)).href;
}

/**
 * Copies a set.
 *
 * @throws {SourceError} when it cannot be read; {FetchFailure} when it is larger than allowed, or a setting is missing.
 */
export async function copyData(
  location: string,
  options: SourceOptions & { readonly maximumBytes: number },
  edges: { readonly clock: Clock; readonly log: Logger; readonly signal: AbortSignal },
): Promise<DataFile> {
  const text = uriOf(location);
  const uri = parseModelUri(text);
  const settings = await readSourceSettings(text, options, process.env, edges.clock);
  const folder = await mkdtemp(join(tmpdir(), "petrel-evaluate-"));
  try {
    const sink = await StagedFile.create(join(folder, "data"));
    try {
      await download({
        ...edges,
        logger: edges.log,
        random: Math.random,
        source: sourceFor(uri, settings),
        url: uri.url,
        shown: uri.display,
        sink,
        maxBytes: options.maximumBytes,
        patience: DEFAULT_PATIENCE,
        onProgress: () => {},
      });
      const digest = await sink.finish();
      const file = await open(sink.path);
      return {
        digest,
        sizeBytes: sink.sizeBytes,
        records: (format) => dataRecords(file.createReadStream({ start: 0, autoClose: false }), format),
        close: () => file.close(),
      };
    } finally {
      await sink.close();
    }
  } finally {
    // It is read through its handle: however the process ends, nothing is left.
    await rm(folder, { recursive: true, force: true });
  }
}
