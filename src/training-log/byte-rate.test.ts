import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { ByteRate } from "./byte-rate.ts";

test("one minute's worth may come at once, and then as much as time brings", () => {
  const rate = new ByteRate(600, 0);
  expect([rate.take(400, 0), rate.take(300, 0), rate.take(200, 0)]).toEqual([true, false, true]);
  expect([rate.take(100, 9_999), rate.take(100, 10_001)]).toEqual([false, true]);
  // A rest longer than a minute saves no more than one minute's worth.
  expect([rate.take(601, 1e9), rate.take(600, 1e9), rate.take(1, 1e9)]).toEqual([false, true, false]);
});

test("in no time do more bytes pass than the bound says", () => {
  const steps = fc.array(fc.record({ wait: fc.nat(30_000), bytes: fc.nat(500) }), { maxLength: 100 });
  fc.assert(
    fc.property(steps, (taken) => {
      const rate = new ByteRate(1_000, 0);
      let [now, passed] = [0, 0];
      for (const { wait, bytes } of taken) {
        now += wait;
        if (rate.take(bytes, now)) passed += bytes;
        expect(passed).toBeLessThanOrEqual(1_000 + (now / 60_000) * 1_000 + 1e-6);
      }
    }),
  );
});

test("without a bound everything passes", () => {
  expect(new ByteRate(Number.POSITIVE_INFINITY, 0).take(1e12, 0)).toBe(true);
});
