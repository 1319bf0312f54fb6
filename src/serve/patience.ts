/**
 * Gives up what nothing comes of for a fixed time: messages that stop half way, answers that nobody takes, silent
 * connections. One timer for all of them, which looks once a second: a timer for each request would cost more.
 */
import type { Clock } from "../core/clock.ts";

/** How often is looked. */
const SWEEP_MILLISECONDS = 1_000;

interface Watched {
  readonly until: number;
  readonly giveUp: () => void;
}

/** Things that are waited for, each for the same time. */
export class Patience<K> {
  readonly #clock: Clock;
  readonly #milliseconds: number;
  /** The earliest first, for all have the same time. */
  readonly #watched = new Map<K, Watched>();
  #cancelSweep: (() => void) | undefined;

  constructor(clock: Clock, milliseconds: number) {
    this.#clock = clock;
    this.#milliseconds = milliseconds;
  }

  /** Waits for a thing, from now on. Once its time is over it is forgotten and `giveUp` is called. */
  watch(key: K, giveUp: () => void): void {
    this.#watched.delete(key);
    this.#watched.set(key, { until: this.#clock.monotonic() + this.#milliseconds, giveUp });
    this.#cancelSweep ??= this.#clock.schedule(SWEEP_MILLISECONDS, () => this.#sweep());
  }

  /** Waits for a thing no longer. */
  forget(key: K): void {
    this.#watched.delete(key);
  }

  /** Waits for nothing any more. */
  stop(): void {
    this.#watched.clear();
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
  }

  #sweep(): void {
    const now = this.#clock.monotonic();
    this.#cancelSweep = undefined;
    for (const [key, { until, giveUp }] of this.#watched) {
      if (until > now) {
        break;
      }
      this.#watched.delete(key);
      giveUp();
    }
    if (this.#watched.size > 0) {
      this.#cancelSweep ??= this.#clock.schedule(SWEEP_MILLISECONDS, () => this.#sweep());
    }
  }
}
