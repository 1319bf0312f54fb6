/**
 * The words with which a collector answers to labels: those that it says, and those that whoever sends it labels
 * understands.
 */

/** What became of an event. */
export const EVENT_RESULTS = [
  "accepted",
  "duplicate",
  "late",
  "expired",
  "forged",
  "foreign",
  "malformed",
] as const;
/** One of {@link EVENT_RESULTS}. */
export type EventResult = (typeof EVENT_RESULTS)[number];

/** Whether something is one of the words. */
export function isEventResult(value: unknown): value is EventResult {
  return EVENT_RESULTS.some((result) => result === value);
}
