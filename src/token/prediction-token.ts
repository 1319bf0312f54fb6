/**
 * The prediction token: what a request was, in a header of its answer, signed. A client sends it back with its labels,
 * so that nothing has to be stored for requests that get none.
 *
 * Bytes, big-endian, then base64url without padding:
 *
 *     0 version (4 bits), arm (4)   1 key id     2 request id (8)     10 seconds (4)     14 deployment (4)
 *    18 revision (4)   22 arm check (2 bits), pool (6)   23 model (4)   27 epoch (4)   31 user tag (6)
 *    37 slot (2)   39 rows (2)
 *    41 described rows K (1)        42 code (12)  54 K scores (2 each), then K row indexes where rows > K
 *
 * An index takes one byte up to 256 rows, else two. The code covers all other bytes; it stands in the first 72
 * characters, so that these alone tell where a request is counted. A token is no secret and hides nothing: no user id
 * may be in it, only the keyed tag.
 */
import { timingSafeEqual } from "node:crypto";
import type { HmacKey } from "./hmac-sha256.ts";

/** Longest token, in characters. */
export const MAXIMUM_TOKEN_LENGTH = 512;
/** Rows whose scores a token can hold. */
export const MAXIMUM_DESCRIBED_ROWS = 64;
/** Most rows of one request. */
export const MAXIMUM_ROWS = 65_535;
/** Arms of one epoch: 0 is stable, 1 the candidate, the rest those of experiments. */
export const MAXIMUM_ARMS = 16;
/** What became of computing the arm again from the user and the salt. */
export const ARM_CHECK = {
  /** Nothing is told of it. */
  untold: 0,
  /** The request was drawn by itself, or names its user in a way that may be changed before it gets here. */
  unchecked: 1,
  /** It is in the arm of its user. */
  right: 2,
  /** It is in another arm. */
  wrong: 3,
} as const;
/** One of {@link ARM_CHECK}. */
export type ArmCheck = (typeof ARM_CHECK)[keyof typeof ARM_CHECK];
/** Characters of the part that every token has. */
export const FIXED_TOKEN_LENGTH = 72;
/** Bytes before the code: all that {@link readTokenHead} reads. */
export const TOKEN_HEAD_BYTES = 42;
/** Bytes up to the end of the code: the part that every token has. */
export const FIXED_TOKEN_BYTES = 54;

const VERSION = 1;
const CODE_BYTES = FIXED_TOKEN_BYTES - TOKEN_HEAD_BYTES;
const REQUEST_ID_BYTES = 8;
const USER_TAG_BYTES = 6;
/** Bits of the pool, with the arm check above them. */
const POOL_BITS = 6;
const POOL_MASK = 2 ** POOL_BITS - 1;
const SCORE_BYTES = 2;
/** Up to as many rows, an index of a row is one byte. */
const ONE_BYTE_ROWS = 256;
const ALPHABET = /^[A-Za-z0-9_-]+$/;

/** What a token says. Tags are 32-bit hashes of names ({@link nameTag}). */
export interface PredictionToken {
  /** The arm that the user was assigned to, from 0 to 15. */
  readonly arm: number;
  /** Which of the revision's keys signed it. */
  readonly keyId: number;
  /** 8 bytes. */
  readonly requestId: Uint8Array;
  /** When the request came, in seconds since the Unix epoch. */
  readonly seconds: number;
  readonly deployment: number;
  readonly revision: number;
  readonly armCheck: ArmCheck;
  /** Index of the pool in the chain of failover, from 0 to 63. */
  readonly pool: number;
  /** First 32 bits of the model's digest. */
  readonly model: number;
  /** Of the traffic plan: the weights did not change within one. */
  readonly epoch: number;
  /** 6 bytes; the low 7 bits are the group. */
  readonly userTag: Uint8Array;
  /** The minute of the request, as its low 16 bits ({@link absoluteSlot}). */
  readonly slot: number;
  /** Rows of the request. */
  readonly rows: number;
  /** Codes of the scores of the described rows (`described-rows.ts`); none where the answer's scores are not told. */
  readonly scores: Uint16Array;
  /** Which rows the scores are of; left out when all rows are described, or none. */
  readonly rowIndexes?: Uint16Array;
}

/** What a token says before its scores. */
export type TokenHead = Omit<PredictionToken, "scores" | "rowIndexes">;

/** Rooms that every call uses again, for nothing here waits in the middle: what is signed, its code, a whole token. */
const signedRoom = new Uint8Array(MAXIMUM_TOKEN_LENGTH);
const codeRoom = new Uint8Array(CODE_BYTES);
const tokenRoom = Buffer.alloc(MAXIMUM_TOKEN_LENGTH);

/**
 * Makes and signs a token.
 *
 * @throws {RangeError} when a field does not fit its place.
 */
export function mintToken(token: PredictionToken, key: HmacKey): string {
  const length = writeSigned(token);
  key.sign(signedRoom, codeRoom, length);
  for (let index = 0; index < TOKEN_HEAD_BYTES; index++) tokenRoom[index] = signedRoom[index] ?? 0;
  for (let index = 0; index < CODE_BYTES; index++) tokenRoom[TOKEN_HEAD_BYTES + index] = codeRoom[index] ?? 0;
  for (let index = TOKEN_HEAD_BYTES; index < length; index++) {
    tokenRoom[CODE_BYTES + index] = signedRoom[index] ?? 0;
  }
  return tokenRoom.toString("base64url", 0, length + CODE_BYTES);
}

/** The bytes of a token's text, or undefined when it cannot be one: wrong characters, length or version. */
export function tokenBytes(text: string): Buffer | undefined {
  if (text.length < FIXED_TOKEN_LENGTH || text.length > MAXIMUM_TOKEN_LENGTH || !ALPHABET.test(text)) {
    return undefined;
  }
  const bytes = Buffer.from(text, "base64url");
  return bytes.length === lengthOf(bytes) && (bytes[0] ?? 0) >> 4 === VERSION ? bytes : undefined;
}

/** The first part of a token's text, which need not be whole: all that is counted of a request. */
export function tokenPrefixBytes(text: string): Buffer | undefined {
  if (text.length < FIXED_TOKEN_LENGTH || text.length > MAXIMUM_TOKEN_LENGTH) return undefined;
  const prefix = text.slice(0, FIXED_TOKEN_LENGTH);
  if (!ALPHABET.test(prefix)) return undefined;
  const bytes = Buffer.from(prefix, "base64url");
  return (bytes[0] ?? 0) >> 4 === VERSION ? bytes : undefined;
}

/** Whether the code of a whole token was made with a key. Takes the same time wherever it differs. */
export function isSignedWith(bytes: Buffer, key: HmacKey): boolean {
  return timingSafeEqual(code(bytes, key), bytes.subarray(TOKEN_HEAD_BYTES, FIXED_TOKEN_BYTES));
}

/** Reads what a token says before its scores, of which nothing has to be there. */
export function readTokenHead(bytes: Buffer): TokenHead {
  return {
    arm: (bytes[0] ?? 0) & 0xf,
    keyId: bytes[1] ?? 0,
    requestId: bytes.subarray(2, 10),
    seconds: bytes.readUInt32BE(10),
    deployment: bytes.readUInt32BE(14),
    revision: bytes.readUInt32BE(18),
    armCheck: armCheckOf((bytes[22] ?? 0) >> POOL_BITS),
    pool: (bytes[22] ?? 0) & POOL_MASK,
    model: bytes.readUInt32BE(23),
    epoch: bytes.readUInt32BE(27),
    userTag: bytes.subarray(31, 37),
    slot: bytes.readUInt16BE(37),
    rows: bytes.readUInt16BE(39),
  };
}

/** Reads the bytes of a whole token ({@link tokenBytes}). */
export function readToken(bytes: Buffer): PredictionToken {
  const head = readTokenHead(bytes);
  return { ...head, ...readScores(bytes.subarray(FIXED_TOKEN_BYTES), bytes[41] ?? 0, head.rows) };
}

/** Reads what stands behind the code of a token with so many described rows, of so many. */
export function readScores(
  bytes: Buffer,
  described: number,
  rows: number,
): Pick<PredictionToken, "scores" | "rowIndexes"> {
  const scores = new Uint16Array(described);
  for (let index = 0; index < described; index++) scores[index] = bytes.readUInt16BE(index * SCORE_BYTES);
  const indexesAt = described * SCORE_BYTES;
  if (described === 0 || rows <= described) return { scores };
  const rowIndexes = new Uint16Array(described);
  for (let index = 0; index < described; index++) {
    rowIndexes[index] =
      rows <= ONE_BYTE_ROWS ? (bytes[indexesAt + index] ?? 0) : bytes.readUInt16BE(indexesAt + index * 2);
  }
  return { scores, rowIndexes };
}

function armCheckOf(bits: number): ArmCheck {
  return Object.values(ARM_CHECK).find((check) => check === bits) ?? ARM_CHECK.untold;
}

function lengthOf(bytes: Buffer): number {
  if (bytes.length < FIXED_TOKEN_BYTES) return FIXED_TOKEN_BYTES;
  const described = bytes[41] ?? 0;
  const rows = bytes.readUInt16BE(39);
  return described > MAXIMUM_DESCRIBED_ROWS || described > rows ? -1 : sizeOf(rows, described);
}

function sizeOf(rows: number, described: number): number {
  const indexBytes = rows <= described ? 0 : rows <= ONE_BYTE_ROWS ? 1 : 2;
  return FIXED_TOKEN_BYTES + described * (SCORE_BYTES + indexBytes);
}

function code(bytes: Buffer, key: HmacKey): Uint8Array {
  const length = bytes.length - CODE_BYTES;
  for (let index = 0; index < TOKEN_HEAD_BYTES; index++) signedRoom[index] = bytes[index] ?? 0;
  for (let index = TOKEN_HEAD_BYTES; index < length; index++)
    signedRoom[index] = bytes[CODE_BYTES + index] ?? 0;
  key.sign(signedRoom, codeRoom, length);
  return codeRoom;
}

/** Writes all but the code into {@link signedRoom}, and gives how many bytes that are. */
function writeSigned(token: PredictionToken): number {
  const { rows, scores, rowIndexes } = token;
  const described = scores.length;
  requireThat(described <= MAXIMUM_DESCRIBED_ROWS && described <= rows, "scores of too many rows");
  requireThat(rows <= described || described === 0 || rowIndexes?.length === described, "no row indexes");
  requireThat(token.requestId.length === REQUEST_ID_BYTES, "a request id that has not 8 bytes");
  requireThat(token.userTag.length === USER_TAG_BYTES, "a user tag that has not 6 bytes");
  requireThat(token.arm >= 0 && token.arm < MAXIMUM_ARMS, "an arm above 15");
  signedRoom[0] = (VERSION << 4) | token.arm;
  write(token.keyId, 1, 1);
  writeBytes(token.requestId, 2);
  write(token.seconds, 10, 4);
  write(token.deployment, 14, 4);
  write(token.revision, 18, 4);
  requireThat(token.pool >= 0 && token.pool <= POOL_MASK, "a pool above 63");
  write((token.armCheck << POOL_BITS) | token.pool, 22, 1);
  write(token.model, 23, 4);
  write(token.epoch, 27, 4);
  writeBytes(token.userTag, 31);
  write(token.slot, 37, 2);
  write(rows, 39, 2);
  write(described, 41, 1);
  for (let index = 0; index < described; index++) {
    write(scores[index] ?? 0, TOKEN_HEAD_BYTES + index * SCORE_BYTES, SCORE_BYTES);
  }
  if (rows > described) writeIndexes(TOKEN_HEAD_BYTES + described * SCORE_BYTES, rows, rowIndexes);
  return sizeOf(rows, described) - CODE_BYTES;
}

function writeIndexes(start: number, rows: number, indexes: Uint16Array = new Uint16Array(0)): void {
  const size = rows <= ONE_BYTE_ROWS ? 1 : 2;
  for (let index = 0; index < indexes.length; index++) {
    const row = indexes[index] ?? 0;
    requireThat(row < rows, "the index of a row that is not there");
    write(row, start + index * size, size);
  }
}

function writeBytes(bytes: Uint8Array, at: number): void {
  for (let index = 0; index < bytes.length; index++) signedRoom[at + index] = bytes[index] ?? 0;
}

/** Writes a whole number of as many bytes. */
function write(value: number, at: number, size: number): void {
  requireThat(value >= 0 && value < 256 ** size && Number.isInteger(value), "a number that does not fit");
  for (let index = 0; index < size; index++) signedRoom[at + index] = value >>> ((size - 1 - index) * 8);
}

function requireThat(holds: boolean, found: string): void {
  if (!holds) throw new RangeError(`expected fields that fit a prediction token, got ${found}`);
}
