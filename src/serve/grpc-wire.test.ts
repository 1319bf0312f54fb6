import { deflateSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import { encodeStatusMessage, frame, parseGrpcTimeout, unframe } from "./grpc-wire.ts";

const MESSAGE = Buffer.from("a message");

function compressed(bytes: Buffer): Buffer {
  const framed = frame(bytes);
  framed[0] = 1;
  return framed;
}

describe("a frame", () => {
  test("is a flag, a length and the message", () => {
    expect(frame(Buffer.of(7, 8)).toString("hex")).toBe("00000000020708");
    expect(unframe(frame(MESSAGE), undefined, 100)).toEqual(MESSAGE);
    expect(unframe(frame(Buffer.alloc(0)), undefined, 100)).toEqual(Buffer.alloc(0));
  });

  test.each<[string, Buffer, RegExp]>([
    ["nothing", Buffer.alloc(0), /expected one message of 0 bytes, got none/],
    ["half a head", Buffer.alloc(4), /got none/],
    ["a message cut short", frame(MESSAGE).subarray(0, 8), /expected one message of 3 bytes, got one of 9/],
    ["two messages", Buffer.concat([frame(MESSAGE), frame(MESSAGE)]), /got one of 9/],
  ])("is not %s", (_what, bytes, message) => {
    expect(() => unframe(bytes, undefined, 100)).toThrow(message);
  });

  test("may be compressed with gzip or deflate, and is bounded once it is not", async () => {
    expect(await unframe(compressed(gzipSync(MESSAGE)), "gzip", 100)).toEqual(MESSAGE);
    expect(await unframe(compressed(deflateSync(MESSAGE)), "deflate", 100)).toEqual(MESSAGE);
    const bomb = compressed(gzipSync(Buffer.alloc(1_000_000)));
    await expect(unframe(bomb, "gzip", 999_999)).rejects.toMatchObject({ reason: "TooLarge" });
    await expect(unframe(compressed(MESSAGE), "gzip", 100)).rejects.toMatchObject({
      reason: "InvalidArgument",
    });
    await expect(unframe(compressed(MESSAGE), "snappy", 100)).rejects.toMatchObject({
      reason: "Unsupported",
    });
  });
});

test.each<[string | undefined, number]>([
  ["2H", 7_200_000],
  ["3M", 180_000],
  ["4S", 4_000],
  ["500m", 500],
  ["1500u", 1.5],
  ["1000000n", 1],
  [undefined, Number.POSITIVE_INFINITY],
])("the time %j is %d ms", (value, milliseconds) => {
  expect(parseGrpcTimeout(value)).toBeCloseTo(milliseconds, 9);
});

test.each(["", "1", "123456789S", "-1S", "1.5S", "1s", "1S,2S"])("%j is no time", (value) => {
  expect(() => parseGrpcTimeout(value)).toThrow(
    expect.objectContaining({
      reason: "InvalidArgument",
      message: `expected grpc-timeout to be 1 to 8 digits and a unit, got ${JSON.stringify(value)}`,
    }),
  );
});

test("the text of a status is ASCII, percent-encoded where it is not", () => {
  expect(encodeStatusMessage('plain "text" 100%')).toBe('plain "text" 100%25');
  expect(encodeStatusMessage("é\n😀")).toBe("%C3%A9%0A%F0%9F%98%80");
  expect(encodeStatusMessage("\ud800")).toBe("%EF%BF%BD");
  expect(encodeStatusMessage("x".repeat(10_000))).toHaveLength(2_000);
});
