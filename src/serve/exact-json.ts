/**
 * Reads JSON without losing digits of 64-bit integers that a double cannot hold.
 *
 * JSON.parse with a reviver could do it, but visits every value: a client could stop the main thread for
 * seconds with one body. Instead one scan over the bytes puts such integers into marked strings, which
 * {@link longInteger} reads where an integer is wanted. The mark cannot be forged: it is half of a surrogate
 * pair, and a text in which a string begins with it is refused. Every step is linear, and none recurses.
 */

/** An integer of at least as many digits may be more than a double can hold; a shorter one never is. */
const LONG_DIGITS = 16;
/** A 64-bit integer never has more digits; longer ones are left alone, and are none of any datatype of integers. */
const MAXIMUM_DIGITS = 20;
/** Number.MAX_SAFE_INTEGER, to be compared with a text of as many digits. */
const MAXIMUM_SAFE = String(Number.MAX_SAFE_INTEGER);
/** In front of the digits of an integer put aside: the second half of a pair, with which no Unicode text begins. */
const MARK_CODE = 0xdc00;
const QUOTED_MARK = Buffer.from('"\\udc00');
/** A string of the client that begins like one put aside. UTF-8 has no other way to write the mark. */
const FORGED_MARK = /"\\u[dD][cC]00/;

const QUOTE = 0x22;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const SPACE = 0x20;

/** For each byte, whether a number can begin with it, and whether it can be part of one. */
const BEGINS_NUMBER = bytesOf("-0123456789");
const IN_NUMBER = bytesOf("-0123456789+.eE");

/** A fatal decoder: bytes that are not UTF-8 must not become other text. */
const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Parses JSON. Where a 64-bit tensor may have integers beyond 2^53, each of these comes as a value that
 * {@link longInteger} reads and {@link isText} tells from a text; elsewhere they are rounded.
 *
 * @throws {SyntaxError} when it is no JSON; {TypeError} when it is not UTF-8.
 */
export function parseExactJson(json: Uint8Array): unknown {
  const text = utf8.decode(json);
  if (!text.includes("INT64")) {
    return JSON.parse(text);
  }
  const marked = markLongIntegers(json);
  if (marked === undefined) {
    return JSON.parse(text);
  }
  if (FORGED_MARK.test(text)) {
    throw new SyntaxError("a string begins with half of a surrogate pair");
  }
  return JSON.parse(utf8.decode(marked));
}

/** The integer, when the value is one that {@link parseExactJson} kept exact. */
export function longInteger(value: unknown): bigint | undefined {
  return isMarked(value) ? BigInt(value.slice(1)) : undefined;
}

/** Whether a value of {@link parseExactJson} was a string in the JSON. */
export function isText(value: unknown): value is string {
  return typeof value === "string" && value.charCodeAt(0) !== MARK_CODE;
}

function isMarked(value: unknown): value is string {
  return typeof value === "string" && value.charCodeAt(0) === MARK_CODE;
}

/**
 * Puts integers that a double may not hold into marked strings; what was no JSON stays none. Gives undefined
 * when there is no such integer.
 */
function markLongIntegers(json: Uint8Array): Uint8Array | undefined {
  const marked = new MarkedCopy(json);
  let index = 0;
  while (index < json.length) {
    const code = json[index] ?? 0;
    if (code === QUOTE) {
      index = endOfString(json, index);
    } else if (BEGINS_NUMBER[code] === 1) {
      const end = endOfNumber(json, index);
      if (end - index >= LONG_DIGITS && isLongInteger(json, index, end)) {
        marked.quote(index, end);
      }
      index = end;
    } else {
      index++;
    }
  }
  return marked.end();
}

/** The index behind the string that begins with the quote at `start`. */
function endOfString(json: Uint8Array, start: number): number {
  let index = start + 1;
  while (index < json.length) {
    const code = json[index];
    if (code === QUOTE) {
      return index + 1;
    }
    index += code === BACKSLASH ? 2 : 1;
  }
  return json.length;
}

/** The index behind all that can belong to the number at `start`. */
function endOfNumber(json: Uint8Array, start: number): number {
  let index = start + 1;
  while (index < json.length && IN_NUMBER[json[index] ?? 0] === 1) {
    index++;
  }
  return index;
}

function isLongInteger(json: Uint8Array, start: number, end: number): boolean {
  const first = json[start] === MINUS ? start + 1 : start;
  const digits = end - first;
  if (digits < LONG_DIGITS || digits > MAXIMUM_DIGITS || json[first] === ZERO) {
    return false;
  }
  for (let index = first; index < end; index++) {
    const code = json[index] ?? 0;
    if (code < ZERO || code > NINE) {
      return false;
    }
  }
  return (digits > LONG_DIGITS || !isSafe(json, first)) && !isKey(json, end);
}

/** Whether the integer of {@link LONG_DIGITS} digits is one that a double holds. */
function isSafe(json: Uint8Array, first: number): boolean {
  for (let index = 0; index < LONG_DIGITS; index++) {
    const difference = (json[first + index] ?? 0) - MAXIMUM_SAFE.charCodeAt(index);
    if (difference !== 0) {
      return difference < 0;
    }
  }
  return true;
}

/** Whether a colon follows: a number as a key is no JSON, but a string would be. */
function isKey(json: Uint8Array, end: number): boolean {
  let index = end;
  while (index < json.length && (json[index] ?? 0) <= SPACE) {
    index++;
  }
  return json[index] === COLON;
}

function bytesOf(characters: string): Uint8Array {
  const isOne = new Uint8Array(256);
  for (const code of Buffer.from(characters)) {
    isOne[code] = 1;
  }
  return isOne;
}

/** A copy of bytes in which some parts are put into marked quotes; there is none until there is such a part. */
class MarkedCopy {
  readonly #source: Uint8Array;
  #bytes: Uint8Array | undefined;
  #length = 0;
  #copied = 0;

  constructor(source: Uint8Array) {
    this.#source = source;
  }

  quote(start: number, end: number): void {
    // Each part takes at least LONG_DIGITS and a separator, to which the marked quotes add less than half.
    this.#bytes ??= Buffer.allocUnsafe(Math.ceil(this.#source.length * 1.5) + LONG_DIGITS);
    this.#copy(this.#bytes, start);
    this.#bytes.set(QUOTED_MARK, this.#length);
    this.#length += QUOTED_MARK.length;
    this.#copy(this.#bytes, end);
    this.#bytes[this.#length++] = QUOTE;
  }

  end(): Uint8Array | undefined {
    if (this.#bytes === undefined) {
      return undefined;
    }
    this.#copy(this.#bytes, this.#source.length);
    return this.#bytes.subarray(0, this.#length);
  }

  #copy(bytes: Uint8Array, end: number): void {
    bytes.set(this.#source.subarray(this.#copied, end), this.#length);
    this.#length += end - this.#copied;
    this.#copied = end;
  }
}
