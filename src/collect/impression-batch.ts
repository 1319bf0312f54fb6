/**
 * The body by which a router hands over a piece of Envoy's access log: NDJSON, its first line about the batch, then a
 * line for each request that was answered.
 *
 *     {"router": "petrel-router-0", "incarnation": "UID/1", "startedAt": MS, "number": 7, "closedAt": MS, "to": MS,
 *      "gaps": [{"from": MS, "to": MS}], "final": false, "served": [...]}
 *     {"token": "the first 72 characters are enough, without metrics of scores"}
 *     {"token": "...", "excluded": true}
 *
 * A batch is taken whole or not at all: a line that cannot be read would be a request that nobody counts.
 */
import { readServedMinutes, type ServedMinute, ServedMinutesError } from "../stats/served-minutes.ts";
import { tokenBytes, tokenPrefixBytes } from "../token/prediction-token.ts";
import { malformed, quoted } from "./collect-error.ts";
import type { LoggedRequest } from "./ledger.ts";
import type { BatchHead, Span } from "./router-log.ts";

/** Most requests of one batch. */
export const MAXIMUM_BATCH_REQUESTS = 10_000;

const MAXIMUM_BATCH_GAPS = 16;
const MAXIMUM_NUMBER = 2 ** 48;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/;

/** A batch as it came. */
export interface ImpressionBatch {
  /** Name of the incarnation. */
  readonly incarnation: string;
  readonly head: BatchHead;
  readonly requests: readonly LoggedRequest[];
  /** What became of the requests of its lines; nothing of a router that does not tell. */
  readonly served: readonly ServedMinute[];
}

/**
 * Reads a batch.
 *
 * @throws {CollectError} when any line is not what it should be.
 */
export function readBatch(text: string, nowMilliseconds: number): ImpressionBatch {
  const lines = text.split("\n", MAXIMUM_BATCH_REQUESTS + 3).filter((line) => line !== "");
  if (lines.length > MAXIMUM_BATCH_REQUESTS + 1) {
    throw malformed(`expected at most ${MAXIMUM_BATCH_REQUESTS} requests in one batch`);
  }
  const [first, ...rest] = lines;
  if (first === undefined) throw malformed("expected a line about the batch, got an empty body");
  const members = membersOf(first, 1);
  const served = servedIn(members["served"]);
  return { ...headOf(members, nowMilliseconds), requests: rest.map(requestOf), served };
}

function servedIn(value: unknown = []): readonly ServedMinute[] {
  try {
    return readServedMinutes(value);
  } catch (error) {
    if (error instanceof ServedMinutesError) throw malformed(error.message);
    throw error;
  }
}

/** What somebody says who saw the end of an incarnation. */
export interface IncarnationEnd {
  readonly incarnation: string;
  readonly endedAt: number;
}

/** Reads that an incarnation ended. */
export function readEnd(text: string, nowMilliseconds: number): IncarnationEnd {
  const members = membersOf(text, 1);
  return {
    incarnation: nameOf(members["incarnation"], "incarnation"),
    endedAt: timeOf(members["endedAt"], "endedAt", nowMilliseconds),
  };
}

function headOf(
  members: Readonly<Record<string, unknown>>,
  now: number,
): { readonly incarnation: string; readonly head: BatchHead } {
  const { number, gaps = [], final = false } = members;
  if (typeof number !== "number" || !Number.isInteger(number) || number < 1 || number > MAXIMUM_NUMBER) {
    throw malformed(`expected "number" to be a whole number from 1 on, got ${quoted(number)}`);
  }
  if (typeof final !== "boolean") {
    throw malformed(`expected "final" to be true or false, got ${quoted(final)}`);
  }
  if (!Array.isArray(gaps) || gaps.length > MAXIMUM_BATCH_GAPS) {
    throw malformed(`expected "gaps" to be a list of at most ${MAXIMUM_BATCH_GAPS}, got ${quoted(gaps)}`);
  }
  const head = {
    router: nameOf(members["router"], "router"),
    startedAt: timeOf(members["startedAt"], "startedAt", now),
    number,
    closedAt: timeOf(members["closedAt"], "closedAt", now),
    to: timeOf(members["to"], "to", now),
    gaps: gaps.map((gap) => gapOf(gap, now)),
    final,
  };
  if (head.startedAt > head.closedAt || head.to > head.closedAt) {
    throw malformed(`expected "startedAt" and "to" to be no later than "closedAt"`);
  }
  return { incarnation: nameOf(members["incarnation"], "incarnation"), head };
}

function gapOf(gap: unknown, now: number): Span {
  const members: Readonly<Record<string, unknown>> =
    typeof gap === "object" && gap !== null ? { ...gap } : {};
  const [from, to] = [timeOf(members["from"], "gaps.from", now), timeOf(members["to"], "gaps.to", now)];
  if (from > to) throw malformed(`expected a gap to end no earlier than it begins`);
  return { from, to };
}

function requestOf(line: string, index: number): LoggedRequest {
  const { token, excluded = false } = membersOf(line, index + 2);
  if (typeof excluded !== "boolean") {
    throw malformed(`expected "excluded" of line ${index + 2} to be true or false, got ${quoted(excluded)}`);
  }
  // Of one that was cut off somewhere behind the fixed part that counts alone.
  const bytes = typeof token === "string" ? (tokenBytes(token) ?? tokenPrefixBytes(token)) : undefined;
  if (bytes === undefined) {
    throw malformed(`expected line ${index + 2} to have a prediction token, got ${quoted(token)}`);
  }
  return { token: bytes, excluded };
}

function membersOf(line: string, number: number): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Said below.
  }
  throw malformed(`expected line ${number} to be a JSON object, got ${quoted(line)}`);
}

function nameOf(value: unknown, name: string): string {
  if (typeof value === "string" && NAME.test(value)) return value;
  throw malformed(
    `expected "${name}" to be 1 to 128 letters, digits, '.', '_', '/' or '-', got ${quoted(value)}`,
  );
}

/** A clock that is off by more than a day would leave out a day of evidence. */
const LONGEST_AHEAD_MILLISECONDS = 86_400_000;

function timeOf(value: unknown, name: string, now: number): number {
  if (typeof value === "number" && value >= 0 && value <= now + LONGEST_AHEAD_MILLISECONDS) {
    return Math.floor(value);
  }
  throw malformed(
    `expected "${name}" to be milliseconds since 1970 and not in the future, got ${quoted(value)}`,
  );
}
