import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { ByteRate } from "./byte-rate.ts";

/** Spends bytes if anything may come. */
function take(rate: ByteRate, bytes: number, now: number): boolean {
  const isOpen = rate.isOpen(now);
  if (isOpen) rate.spend(bytes);
  return isOpen;
}

test("one minute's worth may come at once, and then as much as time brings", () => {
  const rate = new ByteRate(600, 0);
  expect([take(rate, 400, 0), take(rate, 300, 0), take(rate, 1, 0)]).toEqual([true, true, false]);
  // The hundred that were too many are paid for first.
  expect([take(rate, 50, 9_999), take(rate, 50, 10_100)]).toEqual([false, true]);
  // A rest longer than a minute saves no more than one minute's worth.
  expect([take(rate, 600, 1e9), take(rate, 1, 1e9)]).toEqual([true, false]);
});

test("in no time does more pass than the bound says, and the last one", () => {
  const steps = fc.array(fc.record({ wait: fc.nat(30_000), bytes: fc.nat(500) }), { maxLength: 100 });
  fc.assert(
    fc.property(steps, (taken) => {
      const rate = new ByteRate(1_000, 0);
      let [now, passed] = [0, 0];
      for (const { wait, bytes } of taken) {
        now += wait;
        const before = passed;
        if (take(rate, bytes, now)) passed += bytes;
        if (passed > before) expect(before).toBeLessThan(1_000 + (now / 60_000) * 1_000 + 1e-6);
      }
    }),
  );
});

test("without a bound everything passes", () => {
  const rate = new ByteRate(Number.POSITIVE_INFINITY, 0);
  expect([take(rate, 1e300, 0), take(rate, 1, 0)]).toEqual([true, true]);
});
