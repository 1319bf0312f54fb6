/**
 * The machine's time, which a test moves ahead: what looks at the time sees a minute pass, and timers stay real.
 */
import { type Clock, systemClock } from "../../core/clock.ts";

/** A clock that a test moves. */
export class JumpingClock implements Clock {
  #aheadMilliseconds = 0;

  now(): number {
    return systemClock.now() + this.#aheadMilliseconds;
  }

  monotonic(): number {
    return systemClock.monotonic() + this.#aheadMilliseconds;
  }

  schedule(delayMilliseconds: number, callback: () => void): () => void {
    return systemClock.schedule(delayMilliseconds, callback);
  }

  /** Moves the time ahead. */
  jump(milliseconds: number): void {
    this.#aheadMilliseconds += milliseconds;
  }
}
