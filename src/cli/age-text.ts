/**
 * How long ago something was, in one unit: `42s`, `5m`, `3h`, `4d`. Pure.
 */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The time since `timestamp`, a date and time of the API; `-` when there is none. */
export function ageText(timestamp: string | undefined, nowMilliseconds: number): string {
  const then = timestamp === undefined ? Number.NaN : Date.parse(timestamp);
  if (Number.isNaN(then)) return "-";
  // Clocks differ: what is said to happen in a moment has just happened.
  const age = Math.max(0, nowMilliseconds - then);
  if (age < 2 * MINUTE) return `${Math.floor(age / SECOND)}s`;
  if (age < 2 * HOUR) return `${Math.floor(age / MINUTE)}m`;
  if (age < 2 * DAY) return `${Math.floor(age / HOUR)}h`;
  return `${Math.floor(age / DAY)}d`;
}
