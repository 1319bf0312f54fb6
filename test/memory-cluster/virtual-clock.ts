/**
 * A {@link Clock} whose time moves only when told to, so that hours of a cluster's life pass in milliseconds
 * and in the same order each time.
 *
 * It works for code that waits for promises and for this clock alone. Real input or output (sockets, files)
 * is invisible to it.
 */
import type { Clock } from "../../src/core/clock.ts";

interface Timer {
  readonly at: number;
  /** Order of scheduling, which decides between timers of the same time. */
  readonly sequence: number;
  readonly callback: () => void;
}

/** Deterministic time. */
export class VirtualClock implements Clock {
  readonly #epochMilliseconds: number;
  readonly #timers = new Map<number, Timer>();
  #elapsed = 0;
  #sequence = 0;

  /** `epochMilliseconds` is the wall-clock time at the start: 2026-01-01T00:00:00Z unless given. */
  constructor(epochMilliseconds: number = Date.UTC(2026, 0, 1)) {
    this.#epochMilliseconds = epochMilliseconds;
  }

  now(): number {
    return this.#epochMilliseconds + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  schedule(delayMilliseconds: number, callback: () => void): () => void {
    const sequence = this.#sequence;
    this.#sequence += 1;
    // A negative delay means "as soon as possible", as with setTimeout.
    const delay = Math.max(0, delayMilliseconds);
    this.#timers.set(sequence, { at: this.#elapsed + delay, sequence, callback });
    return () => this.#timers.delete(sequence);
  }

  /** Monotonic time of the next timer; undefined when there is none. */
  nextTimerAt(): number | undefined {
    return this.#next()?.at;
  }

  /** Lets promises settle and runs every timer that is due, and what follows from that. Time stands still. */
  async runUntilIdle(): Promise<void> {
    await this.advance(0);
  }

  /** Moves time forward, running each timer at its own time with promises settled before and after it. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#elapsed + milliseconds;
    await settle();
    for (let timer = this.#next(); timer !== undefined && timer.at <= end; timer = this.#next()) {
      this.#timers.delete(timer.sequence);
      this.#elapsed = Math.max(this.#elapsed, timer.at);
      timer.callback();
      await settle();
    }
    this.#elapsed = end;
  }

  #next(): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers.values()) {
      // The map is in the order of scheduling, so an equal time keeps the earlier one.
      if (next === undefined || timer.at < next.at) next = timer;
    }
    return next;
  }
}

/**
 * Waits until no promise has anything left to do: Node empties the queue of promise jobs before it comes to
 * an immediate.
 */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
