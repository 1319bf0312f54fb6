import { createHmac } from "node:crypto";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { HmacKey } from "./hmac-sha256.ts";

function sign(secret: Uint8Array, message: Uint8Array, length: number): string {
  const code = new Uint8Array(length);
  new HmacKey(secret).sign(message, code);
  return Buffer.from(code).toString("hex");
}

test("gives what Node gives, for every length of message, cut to every length", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 64 }),
      fc.uint8Array({ maxLength: 1_024 }),
      fc.integer({ min: 0, max: 32 }),
      (secret, message, length) => {
        const expected = createHmac("sha256", secret).update(message).digest("hex");
        expect(sign(secret, message, length)).toBe(expected.slice(0, length * 2));
      },
    ),
  );
});

test("gives what Node gives where the padding takes a block of its own", () => {
  for (let length = 0; length < 200; length++) {
    const message = new Uint8Array(length).fill(0xff);
    const expected = createHmac("sha256", "key").update(message).digest("hex");
    expect(sign(Buffer.from("key"), message, 32)).toBe(expected);
  }
});

test("a longer message before leaves nothing behind", () => {
  const key = new HmacKey(Buffer.from("key"));
  const [before, after] = [new Uint8Array(12), new Uint8Array(12)];
  key.sign(Buffer.from("short"), before);
  key.sign(new Uint8Array(1_024).fill(7), new Uint8Array(32));
  key.sign(Buffer.from("short"), after);
  expect(after).toEqual(before);
});

test("what does not fit is refused", () => {
  expect(() => new HmacKey(new Uint8Array(65))).toThrow("expected a key of at most 64 bytes, got 65");
  const key = new HmacKey(new Uint8Array(32));
  expect(() => key.sign(new Uint8Array(1_025), new Uint8Array(12))).toThrow("at most 1024 bytes, got 1025");
});
