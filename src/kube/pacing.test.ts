/**
 * Backoff and rate limit.
 */
import { expect, test } from "@jest/globals";
import { VirtualClock } from "../../test/memory-cluster/virtual-clock.ts";
import { backoffMilliseconds, KEY_BACKOFF, WATCH_BACKOFF } from "./backoff.ts";
import { TokenBucket } from "./rate-limit.ts";

test.each([
  [WATCH_BACKOFF, 1, 0, 800],
  [WATCH_BACKOFF, 2, 0, 1_600],
  [WATCH_BACKOFF, 1, 0.5, 1_200],
  [WATCH_BACKOFF, 7, 0, 30_000],
  [WATCH_BACKOFF, 2_000, 0.5, 45_000],
  [KEY_BACKOFF, 1, 0, 5],
  [KEY_BACKOFF, 11, 0, 5_120],
  [KEY_BACKOFF, 14, 0, 30_000],
])("%j after %i failures with %d drawn is %i ms", (backoff, failures, drawn, expected) => {
  expect(backoffMilliseconds(backoff, failures, () => drawn)).toBe(expected);
});

test("a burst goes at once, the rest at the rate, in order; a pause fills the bucket no further than the burst", async () => {
  const clock = new VirtualClock();
  const bucket = new TokenBucket(clock, { callsPerSecond: 100, burst: 200 });
  const taken: { readonly call: number; readonly at: number }[] = [];
  const take = (call: number) => bucket.take().then(() => taken.push({ call, at: clock.monotonic() }));
  for (let call = 0; call < 250; call += 1) void take(call);
  await clock.runUntilIdle();
  expect(taken).toHaveLength(200);
  await clock.advance(250);
  expect(taken).toHaveLength(225);
  await clock.advance(10_000);
  expect(taken.map(({ call }) => call)).toEqual(Array.from({ length: 250 }, (_, call) => call));
  expect(taken.at(-1)?.at).toBe(500);

  for (let call = 0; call < 250; call += 1) void take(call);
  await clock.runUntilIdle();
  expect(taken).toHaveLength(450);
});
