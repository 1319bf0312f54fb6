import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { LOGGED_TOKEN_LENGTH } from "../render/envoy/access-log.ts";
import { HmacKey } from "./hmac-sha256.ts";
import {
  ARM_CHECK,
  isSignedWith,
  MAXIMUM_TOKEN_LENGTH,
  mintToken,
  type PredictionToken,
  readToken,
  readTokenHead,
  tokenBytes,
  tokenPrefixBytes,
} from "./prediction-token.ts";

const KEY = new HmacKey(new Uint8Array(32).fill(1));

const EXAMPLE: PredictionToken = {
  arm: 1,
  keyId: 7,
  requestId: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  seconds: 1_795_000_000,
  deployment: 0xdeadbeef,
  revision: 0x01020304,
  armCheck: 0,
  pool: 2,
  model: 0xcafebabe,
  epoch: 12,
  userTag: Uint8Array.of(9, 8, 7, 6, 5, 4),
  slot: 513,
  rows: 1,
  scores: Uint16Array.of(0x9600),
};

const tokens: fc.Arbitrary<PredictionToken> = fc
  .record({ rows: fc.nat(65_535), described: fc.nat(64) })
  .chain(({ rows, described }) => {
    const count = Math.min(rows, described);
    const u32 = fc.nat(0xffff_ffff);
    const fixed = {
      arm: fc.nat(15),
      keyId: fc.nat(255),
      requestId: fc.uint8Array({ minLength: 8, maxLength: 8 }),
      seconds: u32,
      deployment: u32,
      revision: u32,
      armCheck: fc.constantFrom(...Object.values(ARM_CHECK)),
      pool: fc.nat(63),
      model: u32,
      epoch: u32,
      userTag: fc.uint8Array({ minLength: 6, maxLength: 6 }),
      slot: fc.nat(65_535),
      rows: fc.constant(rows),
      scores: fc.uint16Array({ minLength: count, maxLength: count }),
    };
    if (rows <= count || count === 0) return fc.record(fixed);
    const rowIndexes = fc
      .array(fc.nat(rows - 1), { minLength: count, maxLength: count })
      .map((indexes) => Uint16Array.from(indexes));
    return fc.record({ ...fixed, rowIndexes });
  });

function plain(token: PredictionToken): unknown {
  return Object.fromEntries(
    Object.entries(token).map(([name, value]) => [name, typeof value === "number" ? value : [...value]]),
  );
}

test("what is minted reads back, verifies and fits into a header", () => {
  fc.assert(
    fc.property(tokens, (token) => {
      const text = mintToken(token, KEY);
      expect(text.length).toBeLessThanOrEqual(MAXIMUM_TOKEN_LENGTH);
      expect(text).toMatch(/^[A-Za-z0-9_-]+$/);
      const bytes = tokenBytes(text) ?? Buffer.alloc(0);
      expect(isSignedWith(bytes, KEY)).toBe(true);
      expect(plain(readToken(bytes))).toEqual(plain(token));
    }),
  );
});

test("the longest one is logged whole", () => {
  expect(LOGGED_TOKEN_LENGTH).toBe(MAXIMUM_TOKEN_LENGTH);
});

test("no other bit passes", () => {
  fc.assert(
    fc.property(tokens, fc.nat(), fc.nat(7), (token, position, bit) => {
      const bytes = Buffer.from(mintToken(token, KEY), "base64url");
      const at = position % bytes.length;
      bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
      const read = tokenBytes(bytes.toString("base64url"));
      expect(read !== undefined && isSignedWith(read, KEY)).toBe(false);
    }),
  );
});

test("another key does not verify", () => {
  const bytes = Buffer.from(mintToken(EXAMPLE, KEY), "base64url");
  expect(isSignedWith(bytes, new HmacKey(new Uint8Array(32).fill(2)))).toBe(false);
});

test("the layout stays: tokens outlive the programs that made them", () => {
  expect(mintToken(EXAMPLE, KEY)).toBe(
    "EQcBAgMEBQYHCGr9hsDerb7vAQIDBALK_rq-AAAADAkIBwYFBAIBAAEBoD41JTNYn3xgfnAtlgA",
  );
  expect(mintToken({ ...EXAMPLE, scores: new Uint16Array(0) }, KEY)).toBe(
    "EQcBAgMEBQYHCGr9hsDerb7vAQIDBALK_rq-AAAADAkIBwYFBAIBAAEAhUfnjub2VBBpZwEn",
  );
  const bytes = Buffer.from(mintToken({ ...EXAMPLE, armCheck: 3 }, KEY), "base64url");
  expect(bytes[22]).toBe(0b11_000010);
});

test.each([
  ["one row", 1, 1, 75],
  ["50 of 50 rows", 50, 50, 206],
  ["50 of 200 rows", 200, 50, 272],
  ["64 of 1,000 rows", 1_000, 64, 414],
  ["no scores", 1_000, 0, 72],
])("%s", (_, rows, described, length) => {
  const scores = new Uint16Array(described);
  const token = { ...EXAMPLE, rows, scores, rowIndexes: new Uint16Array(described) };
  expect(mintToken(token, KEY)).toHaveLength(length);
});

describe("is no token", () => {
  const text = mintToken({ ...EXAMPLE, rows: 3, scores: Uint16Array.of(3, 2, 1) }, KEY);
  const withByte = (at: number, value: number) => {
    const bytes = Buffer.from(text, "base64url");
    bytes[at] = value;
    return bytes.toString("base64url");
  };

  test.each([
    ["nothing", ""],
    ["a part", text.slice(0, 71)],
    ["the fixed part where scores belong to it", text.slice(0, 72)],
    ["a longer text", `${text}AAAA`],
    ["one far too long", text.padEnd(513, "A")],
    ["the other alphabet", `+${text.slice(1)}`],
    ["padding", `${text.slice(0, -1)}=`],
    ["another version", withByte(0, 0x21)],
    ["more described rows than a token can hold", withByte(41, 65)],
    ["more described rows than rows", withByte(40, 2)],
  ])("%s", (_, changed) => {
    expect(tokenBytes(changed)).toBeUndefined();
  });

  test("and what is one", () => {
    expect(tokenBytes(text)).toBeDefined();
  });
});

describe("the first 72 characters", () => {
  const whole = mintToken(EXAMPLE, KEY);

  test("are all that is counted of a request", () => {
    const counted = readTokenHead(tokenPrefixBytes(whole.slice(0, 72)) ?? Buffer.alloc(0));
    expect(plain({ ...counted, scores: EXAMPLE.scores })).toEqual(plain(EXAMPLE));
    expect(tokenPrefixBytes(whole)).toEqual(tokenPrefixBytes(whole.slice(0, 72)));
  });

  test.each([
    ["short", whole.slice(0, 71)],
    ["not of the alphabet", `!${whole.slice(1)}`],
    ["of another version", `A${whole.slice(1)}`],
  ])("%s: none", (_, text) => {
    expect(tokenPrefixBytes(text)).toBeUndefined();
  });
});

test.each([
  ["an arm too many", { arm: 16 }, "an arm above 15"],
  ["a pool too many", { pool: 64 }, "a pool above 63"],
  ["a short request id", { requestId: new Uint8Array(7) }, "request id"],
  ["a short user tag", { userTag: new Uint8Array(5) }, "user tag"],
  ["more scores than rows", { scores: new Uint16Array(2) }, "scores of too many rows"],
  ["an epoch too large", { epoch: 2 ** 32 }, "a number that does not fit"],
  ["a slot that is none", { slot: -1 }, "a number that does not fit"],
  ["half a second", { seconds: 0.5 }, "a number that does not fit"],
  ["scores of unknown rows", { rows: 9 }, "no row indexes"],
  [
    "a row that is not there",
    { rows: 9, rowIndexes: Uint16Array.of(9) },
    "the index of a row that is not there",
  ],
])("does not mint %s", (_, fields, message) => {
  expect(() => mintToken({ ...EXAMPLE, ...fields }, KEY)).toThrow(message);
});
