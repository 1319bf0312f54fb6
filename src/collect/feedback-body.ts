/**
 * The body of a feedback post: one object, a list of them, or NDJSON. Reads what it says without believing any of it.
 *
 * One malformed object must not spoil the others: it is answered for itself. What no object can be found in is an
 * error of the whole post.
 */
import { parseZonedTime } from "../api/zoned-time.ts";
import { errorMessage } from "../core/log.ts";
import { malformed, quoted } from "./collect-error.ts";
import { MAXIMUM_SHOWN } from "./labelled-request.ts";

/** Most objects of one post. */
export const MAXIMUM_OBJECTS = 1_000;
/** Most events of one object. */
export const MAXIMUM_OBJECT_EVENTS = 200;

const MAXIMUM_ROW = 65_534;
const MAXIMUM_VALUE = 1e9;
const MAXIMUM_ID_LENGTH = 128;

/** One event as the client said it. */
export interface SaidEvent {
  readonly label: string;
  readonly row: number | undefined;
  readonly position: number | undefined;
  /** Milliseconds since the Unix epoch; undefined for now. */
  readonly at: number | undefined;
  readonly value: number;
  readonly id: string | undefined;
}

/** What an event is instead of what it should be. */
export interface Misfit {
  readonly problem: string;
}

/** One object as the client said it. */
export interface SaidFeedback {
  readonly token: string;
  readonly shown: readonly number[];
  readonly final: boolean;
  readonly events: readonly (SaidEvent | Misfit)[];
}

/** Whether it could not be read. */
export function isMisfit(said: object): said is Misfit {
  return "problem" in said;
}

/**
 * The objects of a body, in order.
 *
 * @throws {CollectError} when it is neither JSON nor NDJSON, or has too many objects.
 */
export function readFeedback(text: string): readonly (SaidFeedback | Misfit)[] {
  const values = valuesOf(text);
  if (values.length === 0 || values.length > MAXIMUM_OBJECTS) {
    throw malformed(`expected 1 to ${MAXIMUM_OBJECTS} objects in one body, got ${values.length}`);
  }
  return values.map((value) => (value instanceof Unread ? { problem: value.problem } : feedbackOf(value)));
}

/** A line that is no JSON. */
class Unread {
  readonly problem: string;
  constructor(problem: string) {
    this.problem = problem;
  }
}

function valuesOf(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [value];
  } catch (error) {
    const lines = text.split("\n", MAXIMUM_OBJECTS + 2).filter((line) => line.trim() !== "");
    const values = lines.map(parsedLine);
    // One line, or none that is JSON: it was never meant as NDJSON.
    if (lines.length < 2 || values.every((value) => value instanceof Unread)) {
      throw malformed(
        `expected a JSON object, a list of them, or one object a line: ${errorMessage(error).slice(0, 120)}`,
      );
    }
    return values;
  }
}

function parsedLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return new Unread(`expected a JSON object a line, got ${quoted(line)}`);
  }
}

function feedbackOf(value: unknown): SaidFeedback | Misfit {
  const entry = membersOf(value, ["token", "shown", "events", "final"]);
  if (typeof entry === "string") return { problem: `expected feedback to be ${entry}` };
  const { token, shown = [], events = [], final = false } = entry;
  if (typeof token !== "string") return { problem: `expected "token" to be text, got ${quoted(token)}` };
  if (typeof final !== "boolean") {
    return { problem: `expected "final" to be true or false, got ${quoted(final)}` };
  }
  if (!Array.isArray(shown) || shown.length > MAXIMUM_SHOWN || !shown.every((row) => isWhole(row, 0))) {
    return {
      problem: `expected "shown" to be a list of at most ${MAXIMUM_SHOWN} rows, got ${quoted(shown)}`,
    };
  }
  if (!Array.isArray(events) || events.length > MAXIMUM_OBJECT_EVENTS) {
    return {
      problem: `expected "events" to be a list of at most ${MAXIMUM_OBJECT_EVENTS}, got ${quoted(events)}`,
    };
  }
  return { token, shown, final, events: events.map(eventOf) };
}

function eventOf(value: unknown): SaidEvent | Misfit {
  const entry = membersOf(value, ["label", "row", "pos", "at", "value", "id"]);
  if (typeof entry === "string") return { problem: `expected an event to be ${entry}` };
  const { label, row, pos, at, value: amount = 1, id } = entry;
  if (typeof label !== "string") return { problem: `expected "label" to be text, got ${quoted(label)}` };
  if (row !== undefined && !isWhole(row, 0)) {
    return { problem: `expected "row" to be a whole number from 0 to ${MAXIMUM_ROW}, got ${quoted(row)}` };
  }
  if (pos !== undefined && !isWhole(pos, 1)) {
    return { problem: `expected "pos" to be a whole number from 1 to ${MAXIMUM_ROW}, got ${quoted(pos)}` };
  }
  if (typeof amount !== "number" || !(Math.abs(amount) <= MAXIMUM_VALUE)) {
    return { problem: `expected "value" to be a number up to ${MAXIMUM_VALUE}, got ${quoted(amount)}` };
  }
  if (id !== undefined && (typeof id !== "string" || id === "" || id.length > MAXIMUM_ID_LENGTH)) {
    return { problem: `expected "id" to be text of 1 to ${MAXIMUM_ID_LENGTH} characters, got ${quoted(id)}` };
  }
  const time = parseZonedTime(at);
  if (at !== undefined && time === undefined) {
    return { problem: `expected "at" to be a time such as "2026-05-04T12:00:00Z", got ${quoted(at)}` };
  }
  return { label, row, position: pos, at: time, value: amount, id };
}

function isWhole(value: unknown, minimum: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= minimum && value <= MAXIMUM_ROW;
}

/** The members of an object, or what is expected instead of it. */
function membersOf(value: unknown, known: readonly string[]): Readonly<Record<string, unknown>> | string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return `an object with ${known.join(", ")}, got ${quoted(value)}`;
  }
  const members: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    if (!known.includes(name)) return `an object with only ${known.join(", ")}, got ${quoted(name)}`;
    members[name] = member;
  }
  return members;
}
