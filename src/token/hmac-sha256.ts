/**
 * HMAC-SHA256 of short messages under a key that is used again and again.
 *
 * Every prediction and every label pays for one. Node's own `createHmac` takes 5 to 10 us for 50 bytes, nearly all of
 * it the way into OpenSSL and back; here the key's two blocks are hashed once, and a token of one row takes two more.
 * The tests hold it to Node's. No branch and no index depends on the key or on the message's content.
 */

const BLOCK_BYTES = 64;
const DIGEST_WORDS = 8;
/** Room for one message with its padding; longer ones are refused. */
const MAXIMUM_MESSAGE_BYTES = 1_024;

/** First 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4, 4.2.2). */
const ROUND_CONSTANTS = new Int32Array([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
  0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
  0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
  0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
  0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
  0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
  0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
  0xc67178f2,
]);

const INITIAL_STATE = new Int32Array([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]);

/** Words of the block under way; shared by all keys, for nothing here waits in the middle. */
const schedule = new Int32Array(64);
const state = new Int32Array(DIGEST_WORDS);
const padded = new Uint8Array(MAXIMUM_MESSAGE_BYTES + 2 * BLOCK_BYTES);

/** A key, ready for use. */
export class HmacKey {
  readonly #inner = new Int32Array(INITIAL_STATE);
  readonly #outer = new Int32Array(INITIAL_STATE);

  /** `secret` has at most 64 bytes; it is not kept. */
  constructor(secret: Uint8Array) {
    if (secret.length > BLOCK_BYTES) {
      throw new RangeError(`expected a key of at most ${BLOCK_BYTES} bytes, got ${secret.length}`);
    }
    const block = new Uint8Array(BLOCK_BYTES);
    block.set(secret);
    absorb(
      this.#inner,
      block.map((byte) => byte ^ 0x36),
      0,
    );
    absorb(
      this.#outer,
      block.map((byte) => byte ^ 0x5c),
      0,
    );
  }

  /**
   * Writes the first bytes of the code of a message, as many as `into` has, at most 32. The message is the first
   * `length` bytes of `message`, all of them unless said otherwise.
   *
   * @throws {RangeError} when the message has more than 1,024 bytes.
   */
  sign(message: Uint8Array, into: Uint8Array, length = message.length): void {
    if (length > MAXIMUM_MESSAGE_BYTES) {
      throw new RangeError(`expected a message of at most ${MAXIMUM_MESSAGE_BYTES} bytes, got ${length}`);
    }
    state.set(this.#inner);
    // A loop: for so few bytes it is faster than a call that copies.
    for (let index = 0; index < length; index++) padded[index] = message[index] ?? 0;
    absorbLast(length);
    for (let index = 0; index < DIGEST_WORDS; index++) writeWord(padded, index * 4, state[index] ?? 0);
    state.set(this.#outer);
    absorbLast(DIGEST_WORDS * 4);
    for (let index = 0; index < into.length; index++) {
      into[index] = (state[index >> 2] ?? 0) >>> (24 - (index & 3) * 8);
    }
  }
}

/** Absorbs the first `length` bytes of {@link padded}, which follow one block that was absorbed before, and the end. */
function absorbLast(length: number): void {
  const end = Math.ceil((length + 9) / BLOCK_BYTES) * BLOCK_BYTES;
  padded.fill(0, length, end);
  padded[length] = 0x80;
  writeWord(padded, end - 4, (BLOCK_BYTES + length) * 8);
  for (let offset = 0; offset < end; offset += BLOCK_BYTES) absorb(state, padded, offset);
}

function writeWord(bytes: Uint8Array, offset: number, word: number): void {
  bytes[offset] = word >>> 24;
  bytes[offset + 1] = word >>> 16;
  bytes[offset + 2] = word >>> 8;
  bytes[offset + 3] = word;
}

/** The compression function of SHA-256 (FIPS 180-4, 6.2.2) over one block. */
function absorb(into: Int32Array, bytes: Uint8Array, offset: number): void {
  const w = schedule;
  for (let index = 0; index < 16; index++) {
    const at = offset + index * 4;
    w[index] =
      ((bytes[at] ?? 0) << 24) |
      ((bytes[at + 1] ?? 0) << 16) |
      ((bytes[at + 2] ?? 0) << 8) |
      (bytes[at + 3] ?? 0);
  }
  for (let index = 16; index < 64; index++) {
    const x = w[index - 15] ?? 0;
    const y = w[index - 2] ?? 0;
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[index] = (s0 + s1 + (w[index - 16] ?? 0) + (w[index - 7] ?? 0)) | 0;
  }
  let a = into[0] ?? 0;
  let b = into[1] ?? 0;
  let c = into[2] ?? 0;
  let d = into[3] ?? 0;
  let e = into[4] ?? 0;
  let f = into[5] ?? 0;
  let g = into[6] ?? 0;
  let h = into[7] ?? 0;
  for (let index = 0; index < 64; index++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + (ROUND_CONSTANTS[index] ?? 0) + (w[index] ?? 0)) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  into[0] = (into[0] ?? 0) + a;
  into[1] = (into[1] ?? 0) + b;
  into[2] = (into[2] ?? 0) + c;
  into[3] = (into[3] ?? 0) + d;
  into[4] = (into[4] ?? 0) + e;
  into[5] = (into[5] ?? 0) + f;
  into[6] = (into[6] ?? 0) + g;
  into[7] = (into[7] ?? 0) + h;
}
