/**
 * Token bucket for calls to the API server, as client-go's `rest.Config{QPS, Burst}`: a defect in Petrel must
 * not become a flood on the control plane. Watches do not pass through it: there are few, with a backoff of
 * their own.
 */
import { type Clock, sleep } from "../core/clock.ts";

/** Steady rate and burst of calls. */
export interface RateLimit {
  readonly callsPerSecond: number;
  readonly burst: number;
}

/** Gives out tokens in the order in which they were asked for. */
export class TokenBucket {
  readonly #clock: Clock;
  readonly #limit: RateLimit;
  /** Below zero: so many callers wait for a token that they have reserved. */
  #tokens: number;
  #refilledAt: number;

  constructor(clock: Clock, limit: RateLimit) {
    this.#clock = clock;
    this.#limit = limit;
    this.#tokens = limit.burst;
    this.#refilledAt = clock.monotonic();
  }

  /** Resolves when the caller may go on. */
  async take(): Promise<void> {
    const now = this.#clock.monotonic();
    const refilled = this.#tokens + ((now - this.#refilledAt) / 1000) * this.#limit.callsPerSecond;
    this.#tokens = Math.min(this.#limit.burst, refilled) - 1;
    this.#refilledAt = now;
    if (this.#tokens < 0) {
      await sleep(this.#clock, (-this.#tokens / this.#limit.callsPerSecond) * 1000);
    }
  }
}
