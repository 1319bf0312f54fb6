import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { halfPrecision } from "./half-precision.ts";
import {
  armName,
  armNamed,
  emptyEvent,
  eventBytes,
  greetingFrame,
  MAXIMUM_FRAME_BYTES,
  NO_ARM,
  readEvent,
  readGreeting,
  type TapEvent,
  type TapGreeting,
  writeEvent,
} from "./tap-event.ts";

const events = fc
  .record({ columns: fc.integer({ min: 0, max: 64 }), describedRows: fc.integer({ min: 0, max: 64 }) })
  .chain(({ columns, describedRows }) =>
    fc.record({
      arm: fc.constantFrom(0, 1, 15, NO_ARM),
      status: fc.integer({ min: 0, max: 999 }),
      sequence: fc.nat(2 ** 31 - 1),
      epoch: fc.nat(2 ** 31 - 1),
      timeMilliseconds: fc.nat(2 ** 31 - 1),
      latencyMilliseconds: fc.nat(100_000),
      featureAgeSeconds: fc.constantFrom(Number.NaN, 0, 1.5),
      requestId: fc.uint8Array({ minLength: 8, maxLength: 8 }),
      userTag: fc.uint8Array({ minLength: 6, maxLength: 6 }),
      hasToken: fc.boolean(),
      hasUser: fc.boolean(),
      rows: fc.integer({ min: 0, max: 65_535 }),
      describedRows: fc.constant(describedRows),
      drawnRow: fc.integer({ min: 0, max: Math.max(0, describedRows - 1) }),
      columns: fc.constant(columns),
      values: fc.float64Array({ minLength: columns * describedRows, maxLength: columns * describedRows }),
    }),
  );

function written(event: TapEvent, start = 0): DataView {
  const view = new DataView(new ArrayBuffer(start + eventBytes(event)));
  expect(writeEvent(view, start, event)).toBe(view.byteLength);
  return view;
}

test("what is written is read, anywhere in the memory", () => {
  fc.assert(
    fc.property(events, fc.nat(9), (event, start) => {
      const view = written(event, start);
      expect(view.byteLength - start).toBeLessThanOrEqual(MAXIMUM_FRAME_BYTES);
      const read = emptyEvent();
      expect(readEvent(view, start, view.byteLength, read)).toBe(true);
      const values = read.values.subarray(0, event.columns * event.describedRows);
      expect({ ...read, values }).toEqual(event);
    }),
    { numRuns: 200 },
  );
});

test("whatever bytes come, reading neither fails nor reads beyond them", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(300), (bytes, end) => {
      const isEvent = readEvent(new DataView(bytes.slice().buffer), 0, end, emptyEvent());
      if (end > bytes.length || end < 56) expect(isEvent).toBe(false);
    }),
  );
});

test("one changed byte of the head never breaks the reader", () => {
  const view = written({ ...emptyEvent(4), describedRows: 2, columns: 2 });
  for (let offset = 4; offset < 56; offset++) {
    for (let value = 0; value < 256; value += 5) {
      const copy = new DataView(view.buffer.slice(0));
      copy.setUint8(offset, value);
      const event = emptyEvent();
      if (readEvent(copy, 0, copy.byteLength, event)) {
        expect(event.columns * event.describedRows).toBe(4);
        expect(event.drawnRow).toBeLessThan(event.describedRows);
        expect(event.latencyMilliseconds).toBeGreaterThanOrEqual(0);
      }
    }
  }
});

test.each([
  { latencyMilliseconds: Number.POSITIVE_INFINITY },
  { latencyMilliseconds: -1 },
  { featureAgeSeconds: Number.POSITIVE_INFINITY },
  { featureAgeSeconds: Number.NEGATIVE_INFINITY },
  { featureAgeSeconds: -1 },
])("%j is no event, for it would stay in a sum", (more) => {
  const view = written({ ...emptyEvent(4), describedRows: 2, columns: 2, ...more });
  expect(readEvent(view, 0, view.byteLength, emptyEvent())).toBe(false);
});

const GREETING: TapGreeting = {
  version: 1,
  model: "m",
  revision: "m-1",
  columns: ["score", "price"],
  sequence: 5,
};

test("a greeting is read as it was written", () => {
  expect(readGreeting(greetingFrame(GREETING))).toEqual(GREETING);
  expect(readGreeting(greetingFrame({ ...GREETING, revision: "" }))?.revision).toBe("");
});

test.each<Record<string, unknown>>([
  { version: 2 },
  { model: "" },
  { model: 1 },
  { revision: 'a"} 1\n' },
  { columns: [] },
  { columns: "score" },
  { columns: ["a", "a"] },
  { columns: ["a", 1] },
  { columns: Array.from({ length: 65 }, (_, index) => `c${index}`) },
  { sequence: -1 },
  { sequence: 2 ** 32 },
])("a greeting with %j is none", (change) => {
  const text = Buffer.from(JSON.stringify({ ...GREETING, ...change }));
  expect(readGreeting(Buffer.concat([Buffer.alloc(8), text]))).toBeUndefined();
});

test("a greeting that is no object is none", () => {
  for (const text of ["", "null", "[]", "1", "{"]) {
    expect(readGreeting(Buffer.concat([Buffer.alloc(8), Buffer.from(text)]))).toBeUndefined();
  }
});

test("arms have the names of the router's header", () => {
  expect(["Stable", "Candidate", "Other", undefined].map(armNamed)).toEqual([0, 1, NO_ARM, NO_ARM]);
  expect([0, 1, 3, NO_ARM].map(armName)).toEqual(["Stable", "Candidate", "ArmB", "None"]);
});

test.each([
  [0x3c00, 1],
  [0xc000, -2],
  [0x3555, 0.333251953125],
  [0x0001, 2 ** -24],
  [0x7c00, Number.POSITIVE_INFINITY],
  [0xfc00, Number.NEGATIVE_INFINITY],
  [0x7e00, Number.NaN],
])("the half-precision bits %d are %d", (bits, number) => {
  expect(halfPrecision(bits)).toBe(number);
});
