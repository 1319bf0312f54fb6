/**
 * When a broken download is tried again: exponential backoff with full jitter, bounded in number, started
 * anew by every byte of progress (a large model over a poor line breaks often and still arrives).
 */

/** Failures in a row, without a new byte between them, after which a download is given up. */
export const MAX_FAILURES_WITHOUT_PROGRESS = 6;
/** Attempts for one download in all, progress or not. */
export const MAX_ATTEMPTS = 100;
/** Bound of the first delay; each further one is twice as long. */
export const BASE_DELAY_MILLISECONDS = 500;
/** Bound of every delay that the schedule chooses. */
export const MAX_DELAY_MILLISECONDS = 15_000;
/** A source may ask for a longer pause (`Retry-After`), up to this. */
export const MAX_RETRY_AFTER_MILLISECONDS = 60_000;

/** What has happened to a download so far. */
export interface RetryHistory {
  /** Attempts made, the failed one included: at least 1. */
  readonly attempts: number;
  /** Failures since the last new byte, the present one included: at least 1. */
  readonly failuresWithoutProgress: number;
  /** The pause that the source asked for, in milliseconds. */
  readonly retryAfterMilliseconds: number | undefined;
}

/**
 * The pause before the next attempt, in milliseconds; undefined to give up.
 *
 * @param random a number of [0, 1): full jitter, so that the pods of a rollout do not come back as one.
 */
export function retryDelayMilliseconds(history: RetryHistory, random: number): number | undefined {
  const { attempts, failuresWithoutProgress, retryAfterMilliseconds = 0 } = history;
  if (attempts >= MAX_ATTEMPTS || failuresWithoutProgress >= MAX_FAILURES_WITHOUT_PROGRESS) return undefined;
  const bound = Math.min(
    MAX_DELAY_MILLISECONDS,
    BASE_DELAY_MILLISECONDS * 2 ** (failuresWithoutProgress - 1),
  );
  return Math.max(bound * random, Math.min(retryAfterMilliseconds, MAX_RETRY_AFTER_MILLISECONDS));
}
