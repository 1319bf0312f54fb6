/**
 * The clock of one machine: wall-clock time may jump, monotonic time and timers follow the world's.
 */
import type { Clock } from "../../src/core/clock.ts";

/** A machine's own idea of the time of day. */
export class JumpingClock implements Clock {
  readonly #world: Clock;
  #offsetMilliseconds = 0;

  constructor(world: Clock) {
    this.#world = world;
  }

  /** Whether it shows another time than the world's. */
  get hasJumped(): boolean {
    return this.#offsetMilliseconds !== 0;
  }

  now(): number {
    return this.#world.now() + this.#offsetMilliseconds;
  }

  monotonic(): number {
    return this.#world.monotonic();
  }

  schedule(delayMilliseconds: number, callback: () => void): () => void {
    return this.#world.schedule(delayMilliseconds, callback);
  }

  /** Moves the wall clock forward, or back when negative. */
  jump(milliseconds: number): void {
    this.#offsetMilliseconds += milliseconds;
  }

  /** Shows the world's time from now on; false when it did. */
  setRight(): boolean {
    const hasJumped = this.hasJumped;
    this.#offsetMilliseconds = 0;
    return hasJumped;
  }
}
