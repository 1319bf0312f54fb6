/**
 * Work that a collector does by itself, a step at a time: at once again while there is more, else after a rest. What comes
 * from clients is taken between two steps, so a step must be short.
 */
import type { Clock } from "../core/clock.ts";

/** How long it rests when there is nothing to do, or when a step failed. */
const REST_MILLISECONDS = 1_000;

/** Does steps until it is stopped. */
export class Housekeeping {
  readonly #clock: Clock;
  readonly #step: () => Promise<boolean>;
  #cancel: () => void = () => {};
  #isStopped = false;

  /** `step` tells whether there is more to do. Whoever gives it says what failed: here a failure is only waited out. */
  constructor(clock: Clock, step: () => Promise<boolean>) {
    this.#clock = clock;
    this.#step = step;
    this.#schedule(REST_MILLISECONDS);
  }

  /** No step begins any more. */
  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  #schedule(milliseconds: number): void {
    if (this.#isStopped) return;
    this.#cancel = this.#clock.schedule(milliseconds, () => {
      this.#step().then(
        (hasMore) => this.#schedule(hasMore ? 0 : REST_MILLISECONDS),
        () => this.#schedule(REST_MILLISECONDS),
      );
    });
  }
}
