/**
 * A wait that a change may end early. A change while nobody waits is not lost: the next wait ends at once.
 */
import type { Clock } from "../core/clock.ts";

/** Lets one waiter sleep until something happens. */
export class WakeUp {
  readonly #clock: Clock;
  #isDue = false;
  #wake: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Something happened. */
  notify(): void {
    this.#isDue = true;
    this.#wake?.();
  }

  /** Resolves after the delay, or as soon as something has happened since the last wait. */
  wait(delayMilliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        cancel();
        this.#isDue = false;
        this.#wake = undefined;
        resolve();
      };
      const cancel = this.#clock.schedule(delayMilliseconds, end);
      if (this.#isDue) end();
      else this.#wake = end;
    });
  }
}
