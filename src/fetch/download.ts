/**
 * Brings a model's bytes from a source to a sink: bounded in size, never waiting for ever, and going on
 * where it was after a broken connection. It holds for every source alike; a source only opens streams.
 *
 * It must never join bytes of two different versions of a model: without the source's word that the bytes
 * are unchanged (a validator), it starts again from the first one.
 */
import { type ModelSource, type OpenedModel, SourceError } from "../sources/model-source.ts";
import { FetchFailure } from "./failure.ts";
import { type RetryEnvironment, retrying, within } from "./retrying.ts";

/** Where the bytes go. */
export interface ByteSink {
  /** Bytes taken since the start or the last {@link ByteSink.restart}. */
  readonly sizeBytes: number;
  /** Takes the next bytes. */
  write(chunk: Uint8Array): Promise<void>;
  /** Forgets all bytes taken. */
  restart(): Promise<void>;
}

/** How long a source may be silent, in milliseconds. */
export interface SourcePatience {
  /** Until a stream is open: name resolution, connection, TLS, redirects, the answer's head. */
  readonly openMilliseconds: number;
  /** Between two pieces of the stream. */
  readonly idleMilliseconds: number;
}

/** Patience of `petrel fetch`. */
export const DEFAULT_PATIENCE: SourcePatience = { openMilliseconds: 30_000, idleMilliseconds: 30_000 };

/** What {@link download} needs. */
export interface Download extends RetryEnvironment {
  readonly source: Pick<ModelSource, "open">;
  readonly url: URL;
  /** The URL for logs and messages. */
  readonly shown: string;
  readonly sink: ByteSink;
  /** Largest size of the whole model. */
  readonly maxBytes: number;
  /** Size of the model's files before this one; 0 unless set. */
  readonly precedingBytes?: number;
  readonly patience: SourcePatience;
  /** Told after every piece, with the bytes so far. */
  readonly onProgress: (sizeBytes: number, totalBytes: number | undefined) => void;
}

/**
 * Downloads the whole file into the sink.
 *
 * @throws SourceError when the source fails terminally or too often, or when the signal ended it.
 * @throws FetchFailure (`Size`) when the file is larger than allowed; whatever the sink throws.
 */
export async function download(options: Download): Promise<void> {
  const { shown, sink } = options;
  let validator: string | undefined;
  await retrying(
    options,
    shown,
    () => sink.sizeBytes,
    () =>
      attempt(options, validator, (opened) => {
        validator = opened.validator;
      }),
  );
}

/** One stream, from where the sink is or from the start, to the end of the model. */
async function attempt(
  options: Download,
  validator: string | undefined,
  onOpen: (opened: OpenedModel) => void,
): Promise<void> {
  const { clock, maxBytes, onProgress, patience, precedingBytes = 0, shown, sink, source, url } = options;
  const done = new AbortController();
  const signal = AbortSignal.any([options.signal, done.signal]);
  try {
    const resume =
      validator !== undefined && sink.sizeBytes > 0 ? { offsetBytes: sink.sizeBytes, validator } : undefined;
    const opened = await within(
      source.open({ url, resume, signal }),
      clock,
      patience.openMilliseconds,
      `${shown} did not answer`,
    );
    onOpen(opened);
    const { body, offsetBytes, totalBytes } = opened;
    const expectedBytes = precedingBytes + (totalBytes ?? 0);
    if (expectedBytes > maxBytes) throw tooLarge(maxBytes, `${expectedBytes} bytes`);
    // A source answers from where it was asked or from the start; anything else the digest would refuse.
    if (offsetBytes !== sink.sizeBytes) await sink.restart();

    const iterator = body[Symbol.asyncIterator]();
    for (;;) {
      const next = await within(iterator.next(), clock, patience.idleMilliseconds, `${shown} sent nothing`);
      if (next.done === true) break;
      const sizeBytes = precedingBytes + sink.sizeBytes + next.value.byteLength;
      if (sizeBytes > maxBytes) throw tooLarge(maxBytes, "more");
      await sink.write(next.value);
      onProgress(sink.sizeBytes, totalBytes);
    }
    if (totalBytes !== undefined && sink.sizeBytes !== totalBytes) {
      throw new SourceError({
        message: `${shown} ended after ${sink.sizeBytes} of ${totalBytes} bytes`,
        expected: `${totalBytes} bytes`,
        found: `${sink.sizeBytes} bytes`,
        terminal: false,
      });
    }
  } finally {
    done.abort();
  }
}

/** The refusal of a model that is larger than allowed. */
export function tooLarge(maxBytes: number, found: string): FetchFailure {
  return new FetchFailure({
    check: "Size",
    message: `the model is too large: expected at most ${maxBytes} bytes, found ${found}`,
    expected: `at most ${maxBytes} bytes`,
    found,
    terminal: true,
  });
}
