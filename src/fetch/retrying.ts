/**
 * Tries what a source failed at again, as the schedule says, until it succeeds, is refused for good, or is
 * stopped; and waits for a source, but not for ever.
 */
import { type Clock, sleep } from "../core/clock.ts";
import { errorMessage, type Logger } from "../core/log.ts";
import { SourceError } from "../sources/model-source.ts";
import { retryDelayMilliseconds } from "./retry-schedule.ts";

/** What retries need of the world. */
export interface RetryEnvironment {
  /** Ends all: the time is over, or nobody wants it any more. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** A number of [0, 1), for the jitter of retries. */
  readonly random: () => number;
  readonly logger: Logger;
}

/**
 * Calls `attempt` until it succeeds.
 *
 * @param shown what it is about, for logs; without a secret.
 * @param sizeBytes bytes received so far: progress starts the schedule anew.
 * @throws SourceError when the source fails terminally or too often, or when the signal ended it; and whatever
 *   else `attempt` throws, at once.
 */
export async function retrying<T>(
  { clock, logger, random, signal }: RetryEnvironment,
  shown: string,
  sizeBytes: () => number,
  attempt: () => Promise<T>,
): Promise<T> {
  let highestSizeBytes = sizeBytes();
  let failuresWithoutProgress = 0;
  let lastFailure: SourceError | undefined;
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt();
    } catch (error) {
      if (signal.aborted) throw stopped(sizeBytes(), lastFailure);
      if (!(error instanceof SourceError) || error.terminal) throw error;
      lastFailure = error;
      failuresWithoutProgress = sizeBytes() > highestSizeBytes ? 1 : failuresWithoutProgress + 1;
      highestSizeBytes = Math.max(highestSizeBytes, sizeBytes());
      const { retryAfterMilliseconds } = error;
      const history = { attempts, failuresWithoutProgress, retryAfterMilliseconds };
      const delayMilliseconds = retryDelayMilliseconds(history, random());
      if (delayMilliseconds === undefined) throw gaveUp(error, attempts);
      logger.warn("download interrupted, trying again", {
        "error.message": errorMessage(error),
        "url.original": shown,
        "petrel.fetch.attempts": attempts,
        "petrel.fetch.size_bytes": sizeBytes(),
        "petrel.fetch.retry_delay_ms": Math.round(delayMilliseconds),
      });
      try {
        await sleep(clock, delayMilliseconds, signal);
      } catch {
        throw stopped(sizeBytes(), lastFailure);
      }
    }
  }
}

/** Waits for the source, but not for ever. The caller then aborts what it waited for. */
export async function within<T>(
  work: Promise<T>,
  clock: Clock,
  milliseconds: number,
  what: string,
): Promise<T> {
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
