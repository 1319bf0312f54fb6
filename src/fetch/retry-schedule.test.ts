import { expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  MAX_ATTEMPTS,
  MAX_DELAY_MILLISECONDS,
  MAX_FAILURES_WITHOUT_PROGRESS,
  MAX_RETRY_AFTER_MILLISECONDS,
  retryDelayMilliseconds,
} from "./retry-schedule.ts";

test.each([
  [1, 500],
  [2, 1_000],
  [3, 2_000],
  [4, 4_000],
  [5, 8_000],
  [6, undefined],
  [7, undefined],
])("after %i failures in a row the pause is at most %p ms", (failuresWithoutProgress, bound) => {
  const history = {
    attempts: failuresWithoutProgress,
    failuresWithoutProgress,
    retryAfterMilliseconds: undefined,
  };
  expect(retryDelayMilliseconds(history, 1)).toBe(bound);
  expect(retryDelayMilliseconds(history, 0)).toBe(bound === undefined ? undefined : 0);
});

test.each([
  [0, 250],
  [3_000, 3_000],
  [3_600_000, MAX_RETRY_AFTER_MILLISECONDS],
])("when the source asks for %i ms the pause is %i ms", (retryAfterMilliseconds, delay) => {
  const history = { attempts: 1, failuresWithoutProgress: 1, retryAfterMilliseconds };
  expect(retryDelayMilliseconds(history, 0.5)).toBe(delay);
});

test("gives up exactly at the bounds, and never waits longer than them", () => {
  const natural = fc.integer({ min: 1, max: 200 });
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const retryAfter = fc.option(fc.nat(), { nil: undefined });
  fc.assert(
    fc.property(
      natural,
      natural,
      retryAfter,
      random,
      (attempts, failures, retryAfterMilliseconds, jitter) => {
        const history = { attempts, failuresWithoutProgress: failures, retryAfterMilliseconds };
        const delay = retryDelayMilliseconds(history, jitter);
        const over = attempts >= MAX_ATTEMPTS || failures >= MAX_FAILURES_WITHOUT_PROGRESS;
        expect(delay === undefined).toBe(over);
        expect(delay ?? 0).toBeGreaterThanOrEqual(0);
        expect(delay ?? 0).toBeLessThanOrEqual(
          Math.max(MAX_DELAY_MILLISECONDS, MAX_RETRY_AFTER_MILLISECONDS),
        );
      },
    ),
  );
});
