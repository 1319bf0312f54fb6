/**
 * Time as a parameter. Every program takes its time from a {@link Clock}, so that tests run on a virtual
 * one; nothing else may call `Date.now`, `setTimeout` or `performance.now` to decide something.
 */

/** Source of time and of timers. */
export interface Clock {
  /** Wall-clock time, milliseconds since the Unix epoch. May jump. */
  now(): number;
  /** Time that never goes back, in milliseconds from an arbitrary start. For durations and leases. */
  monotonic(): number;
  /** Runs `callback` once after a delay. Returns a function that cancels it. */
  schedule(delayMilliseconds: number, callback: () => void): () => void;
}

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(delayMilliseconds, callback) {
    const timer = setTimeout(callback, delayMilliseconds);
    return () => clearTimeout(timer);
  },
};

/** Resolves after a delay; rejects with the signal's reason when it is aborted first. */
export function sleep(clock: Clock, delayMilliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.schedule(delayMilliseconds, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
