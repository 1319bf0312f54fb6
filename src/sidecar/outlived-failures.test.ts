import { expect, test } from "@jest/globals";
import { createLogger } from "../core/log.ts";
import { outliveFailures, type RunningSidecar } from "./outlived-failures.ts";

/** What `outliveFailures` starts, and a clock that stands until it is moved on. */
function world() {
  let now = 0;
  const timers = new Map<() => void, number>();
  const clock = {
    now: () => now,
    monotonic: () => now,
    schedule(delay: number, callback: () => void) {
      timers.set(callback, delay);
      return () => timers.delete(callback);
    },
  };
  const lines: string[] = [];
  const log = createLogger({ write: (line) => lines.push(line), now: () => now });
  const stop = Promise.withResolvers<undefined>();
  const started: { readonly fail: (error?: unknown) => void; isStopped: boolean }[] = [];
  const start = (): RunningSidecar => {
    const ended = Promise.withResolvers<unknown>();
    const one = { fail: (error?: unknown) => ended.resolve(error), isStopped: false };
    started.push(one);
    return {
      ended: ended.promise,
      stop: () => {
        one.isStopped = true;
        ended.resolve(undefined);
      },
    };
  };
  const done = outliveFailures(start, { stopped: stop.promise, clock, log });
  return {
    started,
    lines,
    done,
    stop: () => stop.resolve(undefined),
    pass: (milliseconds: number) => {
      now += milliseconds;
    },
    /** The pause that it waits for, which then ends. */
    async pause(): Promise<number> {
      await new Promise(setImmediate);
      const [[callback, delay] = [() => {}, Number.NaN]] = timers;
      timers.delete(callback);
      callback();
      await new Promise(setImmediate);
      return delay;
    },
  };
}

test("begins anew after each failure, ever later, and says what was thrown", async () => {
  const { started, lines, pause, done, stop } = world();
  const pauses: number[] = [];
  for (let failure = 0; failure < 8; failure++) {
    started[failure]?.fail(failure === 0 ? new Error("the memory is full") : undefined);
    pauses.push(await pause());
  }
  expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  expect(started).toHaveLength(9);
  expect(lines).toHaveLength(8);
  expect(lines[0]).toContain("the memory is full");
  stop();
  await done;
  expect(started.map(({ isStopped }) => isStopped)).toEqual([...Array(8).fill(false), true]);
});

test("one that has worked for long begins anew at once", async () => {
  const { started, pause, pass, done, stop } = world();
  started[0]?.fail();
  await pause();
  started[1]?.fail();
  await pause();
  pass(60_000);
  started[2]?.fail();
  expect(await pause()).toBe(1_000);
  stop();
  await done;
});

test("is not begun again once it is asked to stop", async () => {
  const { started, done, stop } = world();
  started[0]?.fail();
  await new Promise(setImmediate);
  stop();
  await done;
  expect(started).toHaveLength(1);
});
