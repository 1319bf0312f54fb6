import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { FrameStream } from "./frame-stream.ts";

function frame(body: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(body.length);
  return Buffer.concat([length, body]);
}

test("frames come whole, however the stream is cut", () => {
  const bodies = fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 20 });
  fc.assert(
    fc.property(bodies, fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }), (sent, cuts) => {
      const stream = Buffer.concat(sent.map(frame));
      const got: number[][] = [];
      const reader = new FrameStream((view, start, end) => {
        got.push([...new Uint8Array(view.buffer, view.byteOffset + start + 4, end - start - 4)]);
        return true;
      });
      for (let offset = 0, cut = 0; offset < stream.length; cut++) {
        const end = offset + (cuts[cut % cuts.length] ?? 1);
        expect(reader.push(stream.subarray(offset, end))).toBe(true);
        offset = end;
      }
      expect(got).toEqual(sent.map((body) => [...body]));
    }),
  );
});

test.each([
  ["nothing in it", Buffer.alloc(4)],
  ["more than a frame may have", Buffer.from([0xff, 0xff, 0xff, 0xff, 2])],
  ["one byte more than a frame may have", Buffer.from([0xfd, 0xff, 0, 0, 2])],
])("a frame with %s ends the stream", (_, bytes) => {
  expect(new FrameStream(() => true).push(bytes)).toBe(false);
});

test("a taker that does not want more ends the stream", () => {
  let taken = 0;
  const reader = new FrameStream(() => ++taken < 2);
  expect(
    reader.push(Buffer.concat([frame(Buffer.alloc(1)), frame(Buffer.alloc(1)), frame(Buffer.alloc(1))])),
  ).toBe(false);
  expect(taken).toBe(2);
});
