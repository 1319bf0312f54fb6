/**
 * Whether a model is healthy, asked after each run that failed: another run would double what a client's bad request
 * costs, so the answer is good for a second. A model that is not healthy is asked again each time.
 */
import type { Clock } from "../core/clock.ts";

/** How long a model that was healthy counts as healthy. */
const GOOD_FOR_MILLISECONDS = 1_000;

/** What is known of one model. */
export class ModelHealth {
  readonly #clock: Pick<Clock, "monotonic">;
  #healthyMilliseconds = Number.NEGATIVE_INFINITY;

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  /** Whether the model was healthy so lately that it need not be asked. */
  get isKnown(): boolean {
    return this.#clock.monotonic() - this.#healthyMilliseconds < GOOD_FOR_MILLISECONDS;
  }

  /** Takes what the model itself has just shown, and gives it. */
  learn(isHealthy: boolean): boolean {
    this.#healthyMilliseconds = isHealthy ? this.#clock.monotonic() : Number.NEGATIVE_INFINITY;
    return isHealthy;
  }
}
