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
  isCancelled: boolean;
}

/** Deterministic time. */
export class VirtualClock implements Clock {
  readonly #epochMilliseconds: number;
  readonly #settled: () => Promise<void>;
  /** A binary heap by time: a cluster waits for hundreds of timers at once, and asks for the next one at each step. */
  readonly #timers: Timer[] = [];
  #elapsed = 0;
  #sequence = 0;

  /**
   * @param epochMilliseconds the wall-clock time at the start: 2026-01-01T00:00:00Z unless given.
   * @param settled waits until all that follows from a timer has been done.
   */
  constructor(epochMilliseconds: number = Date.UTC(2026, 0, 1), settled: () => Promise<void> = settle) {
    this.#epochMilliseconds = epochMilliseconds;
    this.#settled = settled;
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
    const at = this.#elapsed + Math.max(0, delayMilliseconds);
    const timer = { at, sequence, callback, isCancelled: false };
    this.#push(timer);
    return () => {
      timer.isCancelled = true;
    };
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
    await this.#settled();
    for (let timer = this.#next(); timer !== undefined && timer.at <= end; timer = this.#next()) {
      this.#removeNext();
      this.#elapsed = Math.max(this.#elapsed, timer.at);
      timer.callback();
      await this.#settled();
    }
    this.#elapsed = end;
  }

  /** The timer that is due first. Those that were cancelled are left out when their turn comes. */
  #next(): Timer | undefined {
    while (this.#timers[0]?.isCancelled === true) this.#removeNext();
    return this.#timers[0];
  }

  #push(timer: Timer): void {
    const timers = this.#timers;
    let place = timers.length;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = timers[above];
      if (parent === undefined || comesBefore(parent, timer)) break;
      timers[place] = parent;
      place = above;
    }
    timers[place] = timer;
  }

  #removeNext(): void {
    const timers = this.#timers;
    const last = timers.pop();
    if (last === undefined || timers.length === 0) return;
    let place = 0;
    for (;;) {
      const [left, right] = [timers[2 * place + 1], timers[2 * place + 2]];
      const isRight = left !== undefined && right !== undefined && comesBefore(right, left);
      const child = isRight ? right : left;
      if (child === undefined || comesBefore(last, child)) break;
      timers[place] = child;
      place = 2 * place + (isRight ? 2 : 1);
    }
    timers[place] = last;
  }
}

function comesBefore(left: Timer, right: Timer): boolean {
  return left.at < right.at || (left.at === right.at && left.sequence < right.sequence);
}

/**
 * As {@link settle}, without a turn of the event loop, for code in which nothing but promises is ever waited for: Node
 * comes to what is asked for with `nextTick` within a promise job once the queue of promise jobs is empty.
 */
export function promisesSettled(): Promise<void> {
  return new Promise((resolve) => queueMicrotask(() => process.nextTick(resolve)));
}

/**
 * Waits until no promise has anything left to do: Node empties the queue of promise jobs before it comes to
 * an immediate.
 */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
