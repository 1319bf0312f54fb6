/**
 * A clock that stands until a test moves it, and runs what is due then, in the same turn: unlike VirtualClock it waits for
 * nothing in between, so that a test can do something while a real file is still being closed.
 */
import type { Clock } from "../../core/clock.ts";

export interface HandClock extends Clock {
  /** Moves on, and runs each timer at its time. */
  pass(milliseconds: number): void;
}

export function handClock(start: number): HandClock {
  let now = start;
  let timers: { readonly at: number; readonly callback: () => void }[] = [];
  return {
    now: () => now,
    monotonic: () => now,
    schedule(delay, callback) {
      const timer = { at: now + delay, callback };
      timers.push(timer);
      return () => {
        timers = timers.filter((one) => one !== timer);
      };
    },
    pass(milliseconds) {
      const end = now + milliseconds;
      for (;;) {
        const [next] = timers.filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at);
        if (next === undefined) break;
        timers = timers.filter((one) => one !== next);
        now = Math.max(now, next.at);
        next.callback();
      }
      now = end;
    },
  };
}
