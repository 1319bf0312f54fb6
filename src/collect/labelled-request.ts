/**
 * All that is kept of one request: its token without the code, and its labels. A request is kept once a client
 * has told anything of it, or once the access log says that it does not count; all others are only counted.
 *
 * One row a request, not one a label: what a metric says of a request depends on all labels of it, and is worked out
 * anew from them when one comes.
 */
import { FIXED_TOKEN_BYTES, TOKEN_HEAD_BYTES, type TokenHead } from "../token/prediction-token.ts";

/** Bytes of {@link requestKey}. */
export const REQUEST_KEY_BYTES = 12;
/** Most labels of one request. */
export const MAXIMUM_EVENTS = 1_000;
/** Most rows that a client can say it has shown. */
export const MAXIMUM_SHOWN = 256;

const ID_HASH_BYTES = 16;
const DELAY_BYTES = 4;
const NONE = 0xffff;
const FLAG = { excluded: 1, final: 2, shownDelay: 4 } as const;

/** One label of a request. */
export interface LabelEvent {
  /** Number of the label in the store. */
  readonly label: number;
  /** The row of the request; undefined for the request as a whole. */
  readonly row: number | undefined;
  /** Where the client displayed the row, from 1. */
  readonly position: number | undefined;
  /** Whole seconds from the prediction to the label. */
  readonly delaySeconds: number;
  readonly value: number;
  /** Of the user's tag, the label and the client's id, where it gave one: 16 bytes. */
  readonly idHash: Uint8Array | undefined;
}

/** What is kept of one request. */
export interface LabelledRequest {
  /** The bytes of the token without its code; only the head of it while only the access log has named the request. */
  readonly token: Buffer;
  /** It does not count: own traffic, or never delivered. */
  readonly excluded: boolean;
  /** The client said that no label will follow. */
  readonly final: boolean;
  /** Displayed rows in their order, if the client said so. */
  readonly shown: readonly number[];
  /** Whole seconds from the prediction to when the client knew them to be displayed. */
  readonly shownDelaySeconds: number;
  readonly events: readonly LabelEvent[];
}

/** The key of a request: its seconds, then its id. Keys of one time lie together, and the oldest come first. */
export function requestKey({ seconds, requestId }: Pick<TokenHead, "seconds" | "requestId">): Buffer {
  const key = Buffer.allocUnsafe(REQUEST_KEY_BYTES);
  key.set(requestId, key.writeUInt32BE(seconds, 0));
  return key;
}

/** The seconds of a key. */
export function secondsOfKey(key: Uint8Array): number {
  return (((key[0] ?? 0) << 24) | ((key[1] ?? 0) << 16) | ((key[2] ?? 0) << 8) | (key[3] ?? 0)) >>> 0;
}

/** The part of a token's bytes that is kept. */
export function withoutCode(token: Buffer): Buffer {
  return token.length <= FIXED_TOKEN_BYTES
    ? token.subarray(0, TOKEN_HEAD_BYTES)
    : Buffer.concat([token.subarray(0, TOKEN_HEAD_BYTES), token.subarray(FIXED_TOKEN_BYTES)]);
}

/** Whether two events are one. With an id, it names the event; else the label and the row do. */
export function isSameEvent(a: LabelEvent, b: LabelEvent): boolean {
  if (a.label !== b.label) return false;
  if (a.idHash === undefined || b.idHash === undefined) {
    return a.idHash === b.idHash && a.row === b.row;
  }
  return Buffer.compare(a.idHash, b.idHash) === 0;
}

/** The stored form. */
export function encodeRequest(request: LabelledRequest): Uint8Array {
  const { token, shown, shownDelaySeconds, events } = request;
  const hasDelay = shown.length > 0;
  const withId = events.filter(({ idHash }) => idHash !== undefined).length;
  const bytes = Buffer.allocUnsafe(
    4 +
      token.length +
      shown.length * 2 +
      2 +
      events.length * 19 +
      withId * ID_HASH_BYTES +
      (hasDelay ? DELAY_BYTES : 0),
  );
  bytes[0] =
    (request.excluded ? FLAG.excluded : 0) |
    (request.final ? FLAG.final : 0) |
    (hasDelay ? FLAG.shownDelay : 0);
  bytes[1] = token.length;
  let at = bytes.writeUInt16LE(shown.length, 2);
  bytes.set(token, at);
  at += token.length;
  for (const row of shown) at = bytes.writeUInt16LE(row, at);
  at = bytes.writeUInt16LE(events.length, at);
  for (const event of events) {
    at = bytes.writeUInt16LE(event.label, at);
    at = bytes.writeUInt16LE(event.row ?? NONE, at);
    at = bytes.writeUInt16LE(event.position ?? NONE, at);
    at = bytes.writeUInt32LE(event.delaySeconds, at);
    at = bytes.writeDoubleLE(event.value, at);
    at = bytes.writeUInt8(event.idHash === undefined ? 0 : 1, at);
    if (event.idHash !== undefined) {
      bytes.set(event.idHash, at);
      at += ID_HASH_BYTES;
    }
  }
  // Behind all that an earlier version reads: it must find the events where it looks for them.
  if (hasDelay) bytes.writeUInt32LE(shownDelaySeconds, at);
  return bytes;
}

/** Reads the stored form. */
export function decodeRequest(stored: Uint8Array): LabelledRequest {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const flags = bytes[0] ?? 0;
  const tokenEnd = 4 + (bytes[1] ?? 0);
  const shownCount = bytes.readUInt16LE(2);
  const shown = Array.from({ length: shownCount }, (_, index) => bytes.readUInt16LE(tokenEnd + index * 2));
  let at = tokenEnd + shownCount * 2;
  const count = bytes.readUInt16LE(at);
  at += 2;
  const events: LabelEvent[] = [];
  for (let index = 0; index < count; index++) {
    const [row, position] = [bytes.readUInt16LE(at + 2), bytes.readUInt16LE(at + 4)];
    const hasId = bytes[at + 18] === 1;
    events.push({
      label: bytes.readUInt16LE(at),
      row: row === NONE ? undefined : row,
      position: position === NONE ? undefined : position,
      delaySeconds: bytes.readUInt32LE(at + 6),
      value: bytes.readDoubleLE(at + 10),
      idHash: hasId ? bytes.subarray(at + 19, at + 19 + ID_HASH_BYTES) : undefined,
    });
    at += 19 + (hasId ? ID_HASH_BYTES : 0);
  }
  // A file of an earlier version does not say it: such rows count as displayed at once.
  const hasDelay = (flags & FLAG.shownDelay) !== 0;
  return {
    token: bytes.subarray(4, tokenEnd),
    excluded: (flags & FLAG.excluded) !== 0,
    final: (flags & FLAG.final) !== 0,
    shown,
    shownDelaySeconds: hasDelay ? bytes.readUInt32LE(at) : 0,
    events,
  };
}
