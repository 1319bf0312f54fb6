/**
 * Durations as Kubernetes writes them (`500ms`, `10s`, `1h30m`): the format of Go's `time.ParseDuration`
 * with the units h, m, s and ms.
 *
 * All code works in milliseconds; text is only read and written here. It must never guess: a text without a
 * unit, a negative one or one beyond Go's own range is an error, not some other duration.
 */

/** The text is no duration, or out of range. The message says what was expected and what came. */
export class DurationError extends Error {
  override readonly name = "DurationError";
}

/** Longest text that is read; the schemas of the API have the same bound. */
const MAXIMUM_TEXT_LENGTH = 32;

/** Go counts nanoseconds in an int64, so about 292 years: what it cannot read must not pass here either. */
const MAXIMUM_NANOSECONDS = 2n ** 63n - 1n;

const NANOSECONDS_PER_UNIT = {
  h: 3_600_000_000_000n,
  m: 60_000_000_000n,
  s: 1_000_000_000n,
  ms: 1_000_000n,
} as const;

/** What people write nearly always: it is read without whole numbers of any size, which cost a hundred times as much. */
const PLAIN_PATTERN = /^([0-9]{1,6})(ms|[hms])$/;
const MILLISECONDS_PER_UNIT: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

const DURATION_PATTERN = /^(?:[0-9]+(?:\.[0-9]+)?(?:ms|[hms]))+$/;
const TERM_PATTERN = /([0-9]+)(?:\.([0-9]+))?(ms|[hms])/g;

/**
 * Reads a duration into milliseconds. `1.5ms` gives 1.5; what is finer than a nanosecond is cut off, as in Go.
 *
 * @throws {DurationError} when the text is no duration or longer than about 292 years.
 */
export function parseDurationMilliseconds(text: string): number {
  if (text === "0") {
    return 0;
  }
  const [, count, plainUnit] = PLAIN_PATTERN.exec(text) ?? [];
  const scale = MILLISECONDS_PER_UNIT[plainUnit ?? ""];
  if (scale !== undefined) return Number(count) * scale;
  if (text.length > MAXIMUM_TEXT_LENGTH || !DURATION_PATTERN.test(text)) {
    throw new DurationError(
      `expected a duration such as 500ms, 10s or 1h30m (units h, m, s, ms; at most ${MAXIMUM_TEXT_LENGTH} characters), got ${quote(text)}`,
    );
  }
  let nanoseconds = 0n;
  for (const [, whole = "0", fraction = "", unit] of text.matchAll(TERM_PATTERN)) {
    const scale = NANOSECONDS_PER_UNIT[unit === "h" || unit === "m" || unit === "s" ? unit : "ms"];
    nanoseconds += (BigInt(whole + fraction) * scale) / 10n ** BigInt(fraction.length);
  }
  if (nanoseconds > MAXIMUM_NANOSECONDS) {
    throw new DurationError(`expected a duration of at most 292 years, got ${quote(text)}`);
  }
  return Number(nanoseconds / 1_000_000n) + Number(nanoseconds % 1_000_000n) / 1e6;
}

/**
 * Writes milliseconds as the shortest exact duration: `1h30m`, `10s`, `500ms`, `1.5ms`, `0s`. Finer than a
 * nanosecond is rounded.
 *
 * @throws {DurationError} when the value is negative, not finite or too large for a duration.
 */
export function formatDuration(milliseconds: number): string {
  if (!(milliseconds >= 0 && milliseconds * 1e6 <= Number(MAXIMUM_NANOSECONDS))) {
    throw new DurationError(`expected milliseconds from 0 to 292 years, got ${milliseconds}`);
  }
  const wholeMilliseconds = Math.floor(milliseconds);
  const parts: string[] = [];
  let rest = BigInt(wholeMilliseconds) * 1_000_000n + BigInt(Math.round((milliseconds % 1) * 1e6));
  for (const unit of ["h", "m", "s"] as const) {
    const count = rest / NANOSECONDS_PER_UNIT[unit];
    rest %= NANOSECONDS_PER_UNIT[unit];
    if (count > 0n) {
      parts.push(`${count}${unit}`);
    }
  }
  if (rest > 0n) {
    parts.push(`${Number(rest) / 1e6}ms`);
  }
  return parts.length === 0 ? "0s" : parts.join("");
}

function quote(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}...` : text);
}
