/**
 * What is told of one answered request, and its bytes on the tap: the Unix socket from a model server to its sidecar.
 *
 * A stream of frames, little-endian. A frame begins with the bytes that follow its first four; a greeting says once what
 * the columns are, and an event is
 *
 *      0 length (4)     4 kind (1)    5 arm (1)     6 status (2)   8 sequence (4)  12 epoch (4)  16 time (8, ms)
 *     24 latency (4, ms)   28 feature age (4, s)   32 request id (8)   40 user tag (6)   46 has a user (1)
 *     47 columns (1)   48 rows (2)   50 described rows (2)   52 the drawn row (2)   54 has a token (1)   55 nothing (1)
 *     56 values (8 each), the columns of a row one after another; NaN is a value that was missing
 *
 * No user id may be in it, only a keyed tag. A reader takes nothing on trust: what does not fit ends the connection.
 */
import { armNameOf, armNumber } from "../api/arm.ts";
import { MAXIMUM_COLUMNS, MAXIMUM_DESCRIBED_ROWS } from "./observed-settings.ts";

/** One answered request. A reader fills the same event again, so it must not be kept. */
export interface TapEvent {
  /** Number of the arm, or {@link NO_ARM}. */
  arm: number;
  /** As HTTP has it. */
  status: number;
  /** Of the sender: it counts what it had to drop, too. */
  sequence: number;
  /** Of the traffic plan; 0 when no router said it. */
  epoch: number;
  /** When it began to arrive, since the Unix epoch. */
  timeMilliseconds: number;
  latencyMilliseconds: number;
  /** NaN when it is not known. */
  featureAgeSeconds: number;
  /** 8 bytes: those of its prediction token, or what its headers say where it got none. */
  requestId: Uint8Array;
  /** Its answer has a prediction token, so labels may come for it. */
  hasToken: boolean;
  /** 6 bytes; they mean something only when `hasUser`. */
  userTag: Uint8Array;
  hasUser: boolean;
  /** Rows of the request. */
  rows: number;
  /** The first rows, and after them the drawn one where it is not among them. */
  describedRows: number;
  /** Which of the described rows was drawn at random from all. */
  drawnRow: number;
  columns: number;
  /** At least `describedRows` times `columns`. */
  values: Float64Array;
}

/** What a sender says first. */
export interface TapGreeting {
  readonly version: typeof TAP_VERSION;
  readonly model: string;
  readonly revision: string;
  /** Names of the columns, in the order of the values. */
  readonly columns: readonly string[];
  /** Sequence of the first event. */
  readonly sequence: number;
}

/** Of the whole protocol. */
export const TAP_VERSION = 1;
/** No router said which arm it is. */
export const NO_ARM = 255;
/** Bytes of a request's id. */
export const REQUEST_ID_BYTES = 8;
/** Bytes of a user's tag. */
export const USER_TAG_BYTES = 6;
/** Largest frame, its length included. */
export const MAXIMUM_FRAME_BYTES = 65_536;
/** What stands before the length is known. */
export const LENGTH_BYTES = 4;
/** Sequences count round at this. */
export const SEQUENCES = 2 ** 32;

/** What a frame is. */
export const FRAME_KIND = { greeting: 1, event: 2 } as const;
/** Where the kind of a frame stands. */
export const KIND_OFFSET = 4;

const EVENT_HEAD_BYTES = 56;
const VALUE_BYTES = 8;
const GREETING_HEAD_BYTES = 8;
/** Rows of a request that a field of two bytes can say. */
const MAXIMUM_ROWS = 65_535;
const LAST_STATUS = 999;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/;

/** Most values of one event. */
export const MAXIMUM_VALUES = (MAXIMUM_DESCRIBED_ROWS + 1) * MAXIMUM_COLUMNS;

/** An event that says nothing yet, with room for so many values. */
export function emptyEvent(values = MAXIMUM_VALUES): TapEvent {
  return {
    arm: NO_ARM,
    status: 0,
    sequence: 0,
    epoch: 0,
    timeMilliseconds: 0,
    latencyMilliseconds: 0,
    featureAgeSeconds: Number.NaN,
    requestId: new Uint8Array(REQUEST_ID_BYTES),
    hasToken: false,
    userTag: new Uint8Array(USER_TAG_BYTES),
    hasUser: false,
    rows: 0,
    describedRows: 0,
    drawnRow: 0,
    columns: 0,
    values: new Float64Array(values),
  };
}

/** Number of an arm by the router's header. */
export function armNamed(name: string | undefined): number {
  return (name === undefined ? undefined : armNumber(name)) ?? NO_ARM;
}

/** The name of an arm. */
export function armName(arm: number): string {
  return arm === NO_ARM ? "None" : armNameOf(arm);
}

/** Bytes of an event with its frame. */
export function eventBytes({ describedRows, columns }: TapEvent): number {
  return EVENT_HEAD_BYTES + describedRows * columns * VALUE_BYTES;
}

/** Writes an event, for which there must be room, and gives where it ends. */
export function writeEvent(into: DataView, start: number, event: TapEvent): number {
  const { requestId, userTag, values } = event;
  const end = start + eventBytes(event);
  into.setUint32(start, end - start - LENGTH_BYTES, true);
  into.setUint8(start + KIND_OFFSET, FRAME_KIND.event);
  into.setUint8(start + 5, event.arm);
  into.setUint16(start + 6, event.status, true);
  into.setUint32(start + 8, event.sequence, true);
  into.setUint32(start + 12, event.epoch, true);
  into.setFloat64(start + 16, event.timeMilliseconds, true);
  into.setFloat32(start + 24, event.latencyMilliseconds, true);
  into.setFloat32(start + 28, event.featureAgeSeconds, true);
  for (let index = 0; index < REQUEST_ID_BYTES; index++) {
    into.setUint8(start + 32 + index, requestId[index] ?? 0);
  }
  for (let index = 0; index < USER_TAG_BYTES; index++) into.setUint8(start + 40 + index, userTag[index] ?? 0);
  into.setUint8(start + 46, event.hasUser ? 1 : 0);
  into.setUint8(start + 47, event.columns);
  into.setUint16(start + 48, Math.min(event.rows, MAXIMUM_ROWS), true);
  into.setUint16(start + 50, event.describedRows, true);
  into.setUint16(start + 52, event.drawnRow, true);
  into.setUint8(start + 54, event.hasToken ? 1 : 0);
  into.setUint8(start + 55, 0);
  for (let offset = start + EVENT_HEAD_BYTES, index = 0; offset < end; offset += VALUE_BYTES, index++) {
    into.setFloat64(offset, values[index] ?? Number.NaN, true);
  }
  return end;
}

/** Reads the event of a frame from `start` to `end` into one with room for it. False when it is none. */
export function readEvent(from: DataView, start: number, end: number, into: TapEvent): boolean {
  if (end - start < EVENT_HEAD_BYTES || end > from.byteLength) return false;
  const columns = from.getUint8(start + 47);
  const describedRows = from.getUint16(start + 50, true);
  const count = describedRows * columns;
  const arm = from.getUint8(start + 5);
  const status = from.getUint16(start + 6, true);
  const drawnRow = from.getUint16(start + 52, true);
  if (
    count > into.values.length ||
    end - start !== EVENT_HEAD_BYTES + count * VALUE_BYTES ||
    (arm > 15 && arm !== NO_ARM) ||
    status > LAST_STATUS ||
    (describedRows > 0 && drawnRow >= describedRows)
  ) {
    return false;
  }
  into.arm = arm;
  into.status = status;
  into.sequence = from.getUint32(start + 8, true);
  into.epoch = from.getUint32(start + 12, true);
  into.timeMilliseconds = from.getFloat64(start + 16, true);
  into.latencyMilliseconds = from.getFloat32(start + 24, true);
  into.featureAgeSeconds = from.getFloat32(start + 28, true);
  const { requestId, userTag, values } = into;
  for (let index = 0; index < REQUEST_ID_BYTES; index++) requestId[index] = from.getUint8(start + 32 + index);
  for (let index = 0; index < USER_TAG_BYTES; index++) userTag[index] = from.getUint8(start + 40 + index);
  into.hasUser = from.getUint8(start + 46) === 1;
  into.hasToken = from.getUint8(start + 54) === 1;
  into.columns = columns;
  into.rows = from.getUint16(start + 48, true);
  into.describedRows = describedRows;
  into.drawnRow = drawnRow;
  for (let index = 0, offset = start + EVENT_HEAD_BYTES; index < count; index++, offset += VALUE_BYTES) {
    values[index] = from.getFloat64(offset, true);
  }
  return (
    Number.isFinite(into.timeMilliseconds) &&
    isDuration(into.latencyMilliseconds) &&
    (Number.isNaN(into.featureAgeSeconds) || isDuration(into.featureAgeSeconds))
  );
}

/** An infinite one would stay in every sum that it is added to. */
function isDuration(value: number): boolean {
  return Number.isFinite(value) && value >= 0;
}

/** The frame of a greeting. */
export function greetingFrame(greeting: TapGreeting): Buffer {
  const text = Buffer.from(JSON.stringify(greeting));
  const frame = Buffer.alloc(GREETING_HEAD_BYTES + text.length);
  frame.writeUInt32LE(frame.length - LENGTH_BYTES, 0);
  frame[KIND_OFFSET] = FRAME_KIND.greeting;
  frame.set(text, GREETING_HEAD_BYTES);
  return frame;
}

/** Reads the greeting of a whole frame; `undefined` when it is none of this version. */
export function readGreeting(frame: Buffer): TapGreeting | undefined {
  let value: unknown;
  try {
    value = JSON.parse(frame.toString("utf8", GREETING_HEAD_BYTES));
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { version, model, revision, columns, sequence }: Partial<Record<keyof TapGreeting, unknown>> = value;
  const names: readonly unknown[] = Array.isArray(columns) ? columns : [];
  const named = names.filter((name) => typeof name === "string" && NAME.test(name)).map(String);
  if (
    version !== TAP_VERSION ||
    typeof model !== "string" ||
    typeof revision !== "string" ||
    (revision !== "" && !NAME.test(revision)) ||
    !NAME.test(model) ||
    named.length === 0 ||
    named.length !== names.length ||
    named.length > MAXIMUM_COLUMNS ||
    new Set(named).size !== named.length ||
    typeof sequence !== "number" ||
    !Number.isInteger(sequence) ||
    sequence < 0 ||
    sequence >= SEQUENCES
  ) {
    return undefined;
  }
  return { version, model, revision, columns: named, sequence };
}
