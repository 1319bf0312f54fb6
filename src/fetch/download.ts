/**
 * Brings a model's bytes from a source to a sink: bounded in size, never waiting for ever, and going on
 * where it was after a broken connection. It holds for every source alike; a source only opens streams.
 *
 * It must never join bytes of two different versions of a model: without the source's word that the bytes
 * are unchanged (a validator), it starts again from the first one.
 */
import { type Clock, sleep } from "../core/clock.ts";
import { errorMessage, type Logger } from "../core/log.ts";
import { type ModelSource, type OpenedModel, SourceError } from "../sources/model-source.ts";
import type { ModelUri } from "../sources/model-uri.ts";
import { FetchFailure } from "./failure.ts";
import { retryDelayMilliseconds } from "./retry-schedule.ts";

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
export interface Download {
  readonly source: ModelSource;
  readonly uri: ModelUri;
  readonly sink: ByteSink;
  readonly maxBytes: number;
  readonly patience: SourcePatience;
  /** Ends the download: its time is over, or nobody wants it any more. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** A number of [0, 1), for the jitter of retries. */
  readonly random: () => number;
  readonly logger: Logger;
  /** Told after every piece, with the bytes so far. */
  readonly onProgress: (sizeBytes: number, totalBytes: number | undefined) => void;
}

/**
 * Downloads the whole model into the sink.
 *
 * @throws SourceError when the source fails terminally or too often, or when the signal ended it.
 * @throws FetchFailure (`Size`) when the model is larger than allowed; whatever the sink throws.
 */
export async function download(options: Download): Promise<void> {
  const { clock, logger, random, signal, sink, uri } = options;
  let validator: string | undefined;
  let highestSizeBytes = 0;
  let failuresWithoutProgress = 0;
  let lastFailure: SourceError | undefined;
  for (let attempts = 1; ; attempts++) {
    try {
      await attempt(options, validator, (opened) => {
        validator = opened.validator;
      });
      return;
    } catch (error) {
      if (signal.aborted) throw stopped(sink.sizeBytes, lastFailure);
      if (!(error instanceof SourceError) || error.terminal) throw error;
      lastFailure = error;
      failuresWithoutProgress = sink.sizeBytes > highestSizeBytes ? 1 : failuresWithoutProgress + 1;
      highestSizeBytes = Math.max(highestSizeBytes, sink.sizeBytes);
      const { retryAfterMilliseconds } = error;
      const history = { attempts, failuresWithoutProgress, retryAfterMilliseconds };
      const delayMilliseconds = retryDelayMilliseconds(history, random());
      if (delayMilliseconds === undefined) throw gaveUp(error, attempts);
      logger.warn("download interrupted, trying again", {
        "error.message": errorMessage(error),
        "url.original": uri.display,
        "petrel.fetch.attempts": attempts,
        "petrel.fetch.size_bytes": sink.sizeBytes,
        "petrel.fetch.retry_delay_ms": Math.round(delayMilliseconds),
      });
      try {
        await sleep(clock, delayMilliseconds, signal);
      } catch {
        throw stopped(sink.sizeBytes, lastFailure);
      }
    }
  }
}

/** One stream, from where the sink is or from the start, to the end of the model. */
async function attempt(
  options: Download,
  validator: string | undefined,
  onOpen: (opened: OpenedModel) => void,
): Promise<void> {
  const { clock, maxBytes, onProgress, patience, sink, source, uri } = options;
  const done = new AbortController();
  const signal = AbortSignal.any([options.signal, done.signal]);
  try {
    const resume =
      validator !== undefined && sink.sizeBytes > 0 ? { offsetBytes: sink.sizeBytes, validator } : undefined;
    const opened = await within(
      source.open({ url: uri.url, resume, signal }),
      clock,
      patience.openMilliseconds,
      `${uri.display} did not answer`,
    );
    onOpen(opened);
    const { body, offsetBytes, totalBytes } = opened;
    if (totalBytes !== undefined && totalBytes > maxBytes) throw tooLarge(maxBytes, `${totalBytes} bytes`);
    // A source answers from where it was asked or from the start; anything else the digest would refuse.
    if (offsetBytes !== sink.sizeBytes) await sink.restart();

    const iterator = body[Symbol.asyncIterator]();
    for (;;) {
      const next = await within(
        iterator.next(),
        clock,
        patience.idleMilliseconds,
        `${uri.display} sent nothing`,
      );
      if (next.done === true) break;
      if (sink.sizeBytes + next.value.byteLength > maxBytes) throw tooLarge(maxBytes, "more");
      await sink.write(next.value);
      onProgress(sink.sizeBytes, totalBytes);
    }
    if (totalBytes !== undefined && sink.sizeBytes !== totalBytes) {
      throw new SourceError({
        message: `${uri.display} ended after ${sink.sizeBytes} of ${totalBytes} bytes`,
        expected: `${totalBytes} bytes`,
        found: `${sink.sizeBytes} bytes`,
        terminal: false,
      });
    }
  } finally {
    done.abort();
  }
}

/** Waits for the source, but not for ever. The caller then aborts what it waited for. */
async function within<T>(work: Promise<T>, clock: Clock, milliseconds: number, what: string): Promise<T> {
  const settled = new AbortController();
  const limit = sleep(clock, milliseconds, settled.signal).then(() => {
    throw new SourceError({
      message: `${what} for ${milliseconds / 1000} s`,
      expected: `an answer within ${milliseconds / 1000} s`,
      found: "silence",
      terminal: false,
    });
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    settled.abort();
  }
}

function tooLarge(maxBytes: number, found: string): FetchFailure {
  return new FetchFailure({
    check: "Size",
    message: `the model is too large: expected at most ${maxBytes} bytes, found ${found}`,
    expected: `at most ${maxBytes} bytes`,
    found,
    terminal: true,
  });
}

/** The signal ended it: what was there by then, and what had gone wrong before. */
function stopped(sizeBytes: number, lastFailure: SourceError | undefined): SourceError {
  const before = lastFailure === undefined ? "" : `; before that, ${lastFailure.message}`;
  return new SourceError({
    message: `stopped after ${sizeBytes} bytes${before}`,
    expected: "a complete model",
    found: `${sizeBytes} bytes${before}`,
    terminal: false,
    cause: lastFailure,
  });
}

function gaveUp(error: SourceError, attempts: number): SourceError {
  const { message, expected, found } = error;
  return new SourceError({
    message: `${message} (given up after ${attempts} attempts)`,
    expected,
    found,
    terminal: false,
    cause: error,
  });
}
