/**
 * Tells how far a download is, rarely enough that a log stays readable.
 */
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";

/** Least time between two lines, in milliseconds. */
export const PROGRESS_INTERVAL_MILLISECONDS = 5_000;

/** Returns a function that logs the bytes so far, at most once each interval. */
export function progressLogger(
  clock: Clock,
  logger: Logger,
): (sizeBytes: number, totalBytes: number | undefined) => void {
  let lastMilliseconds = clock.monotonic();
  return (sizeBytes, totalBytes) => {
    const now = clock.monotonic();
    if (now - lastMilliseconds < PROGRESS_INTERVAL_MILLISECONDS) return;
    lastMilliseconds = now;
    logger.info("downloading", {
      "petrel.fetch.size_bytes": sizeBytes,
      ...(totalBytes === undefined ? {} : { "petrel.fetch.total_bytes": totalBytes }),
    });
  };
}
