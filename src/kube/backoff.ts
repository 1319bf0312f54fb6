/**
 * How long to wait after failures in a row: exponential, bounded, with jitter so that many clients that
 * failed together do not come back together. Pure; randomness is a parameter.
 */

/** A schedule of delays. */
export interface Backoff {
  /** Delay after the first failure. */
  readonly baseMilliseconds: number;
  /** Longest delay before jitter. */
  readonly maximumMilliseconds: number;
  /** Up to this share of the delay is added at random; 1 at most doubles it. */
  readonly jitter: number;
}

/** Uniform in [0, 1), as `Math.random`. */
export type Random = () => number;

/** client-go's backoff of watches: 0.8 s, doubling to 30 s, up to twice that at random. */
export const WATCH_BACKOFF: Backoff = { baseMilliseconds: 800, maximumMilliseconds: 30_000, jitter: 1 };

/** controller-runtime's backoff of a failing key, with a lower ceiling: 5 ms, doubling to 30 s. */
export const KEY_BACKOFF: Backoff = { baseMilliseconds: 5, maximumMilliseconds: 30_000, jitter: 0.1 };

/** Delay after `failures` (at least 1) failures in a row, in milliseconds. */
export function backoffMilliseconds(backoff: Backoff, failures: number, random: Random): number {
  const doubled = backoff.baseMilliseconds * 2 ** Math.max(0, failures - 1);
  const delay = Math.min(doubled, backoff.maximumMilliseconds);
  return delay * (1 + backoff.jitter * random());
}
