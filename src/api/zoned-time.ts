/**
 * Times with their zone as RFC 3339 writes them (`2026-05-04T12:00:00Z`), and nothing else that `Date.parse` guesses at.
 */

const PATTERN = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

/** Milliseconds since the Unix epoch; undefined for what is no such time. */
export function parseZonedTime(value: unknown): number | undefined {
  if (typeof value !== "string" || !PATTERN.test(value)) return undefined;
  const time = Date.parse(value);
  return Number.isFinite(time) ? time : undefined;
}
