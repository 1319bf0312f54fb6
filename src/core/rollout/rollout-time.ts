/**
 * Times of a release: as its status has them, and when to look at it again.
 */

/** A time as a status of a release has it. */
export function rolloutTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

/**
 * The first of the times that are still to come; undefined when none is. A time that has passed is no reason to look
 * again.
 */
export function earliestAfter(now: number, times: readonly (number | undefined)[]): number | undefined {
  const coming = times.filter(
    (time): time is number => time !== undefined && time > now && Number.isFinite(time),
  );
  return coming.length === 0 ? undefined : Math.min(...coming);
}
