/**
 * gRPC on the wire, as far as calls of one message each way need it: the frame around a message, the codes of
 * a status and the text of its header, and the time that a client gives.
 */
import { promisify } from "node:util";
import { gunzip, inflate } from "node:zlib";
import { errorCode } from "../sources/error-code.ts";
import { invalidArgument, quoted, ServeError } from "./serve-error.ts";

/** Bytes in front of a message: whether it is compressed, and its length. */
export const FRAME_HEAD_BYTES = 5;
/** Longest text of a status; what is longer would not fit into the headers that clients take. */
const MAXIMUM_MESSAGE_LENGTH = 2_000;

/** Milliseconds of each unit of a `grpc-timeout`. */
const TIMEOUT_UNITS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

const DECOMPRESSORS = { gzip: promisify(gunzip), deflate: promisify(inflate) } as const;

/** Puts a message into its frame. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(FRAME_HEAD_BYTES + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, FRAME_HEAD_BYTES);
  return framed;
}

/**
 * Takes the one message of a call out of its frame. `encoding` is the header that says how a compressed one is.
 *
 * @throws {ServeError} InvalidArgument, TooLarge when it is longer than `maximumBytes` once decompressed, or
 *   Unsupported for another compression than gzip and deflate.
 */
export function unframe(
  body: Buffer,
  encoding: string | undefined,
  maximumBytes: number,
): Buffer | Promise<Buffer> {
  const length = body.length < FRAME_HEAD_BYTES ? -1 : body.readUInt32BE(1);
  if (length < 0 || length !== body.length - FRAME_HEAD_BYTES) {
    throw invalidArgument(
      `expected one message of ${Math.max(0, body.length - FRAME_HEAD_BYTES)} bytes, got ${length < 0 ? "none" : `one of ${length}`}`,
    );
  }
  const message = body.subarray(FRAME_HEAD_BYTES);
  return body[0] === 0 ? message : decompress(message, encoding, maximumBytes);
}

/**
 * The milliseconds of a `grpc-timeout`; infinite without one.
 *
 * @throws {ServeError} InvalidArgument when it is none: a client that set itself a time must not wait for ever.
 */
export function parseGrpcTimeout(value: unknown): number {
  if (value === undefined) {
    return Number.POSITIVE_INFINITY;
  }
  const [, digits = "", unit = ""] =
    (typeof value === "string" ? /^([0-9]{1,8})([HMSmun])$/.exec(value) : undefined) ?? [];
  if (digits === "") {
    throw invalidArgument(`expected grpc-timeout to be 1 to 8 digits and a unit, got ${quoted(value)}`);
  }
  return Number(digits) * (TIMEOUT_UNITS[unit] ?? 1);
}

/** The text of a status as its header carries it: ASCII, anything else as percent-encoded UTF-8. */
export function encodeStatusMessage(message: string): string {
  return message
    .slice(0, MAXIMUM_MESSAGE_LENGTH)
    .toWellFormed()
    .replaceAll(/[^\x20-\x24\x26-\x7e]+/gu, encodeURIComponent);
}

async function decompress(
  message: Buffer,
  encoding: string | undefined,
  maximumBytes: number,
): Promise<Buffer> {
  if (encoding !== "gzip" && encoding !== "deflate") {
    throw new ServeError(
      "Unsupported",
      `expected a message without compression, or gzip or deflate, got ${quoted(encoding)}`,
    );
  }
  try {
    return await DECOMPRESSORS[encoding](message, { maxOutputLength: maximumBytes });
  } catch (error) {
    if (errorCode(error) === "ERR_BUFFER_TOO_LARGE") {
      throw new ServeError("TooLarge", `expected a message of at most ${maximumBytes} bytes`);
    }
    throw invalidArgument(`expected a message compressed with ${encoding}, but cannot read it`);
  }
}
