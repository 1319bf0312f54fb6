/**
 * When the Envoy of a deleted pod may be ended. The kubelet asks before it sends its signal (`preStop`), because Envoy
 * breaks off what is under way when the signal comes.
 *
 * Asking changes nothing. It must never wait for longer than the longest time: beyond it the kubelet ends everything,
 * the farewell of the router included.
 */
import { type Clock, sleep } from "../core/clock.ts";
import type { EnvoyAdministration } from "./envoy-administration.ts";

/** What the waiting needs. */
export interface DrainOptions {
  readonly envoy: Pick<EnvoyAdministration, "activeRequests">;
  readonly clock: Clock;
  /** For clients to move their connections away, busy or not. */
  readonly leastMilliseconds: number;
  readonly longestMilliseconds: number;
}

/** Between two looks at what is under way. */
const INTERVAL_MILLISECONDS = 250;

/** The end of Envoy's work. */
export class Drain {
  readonly #options: DrainOptions;
  #look: Promise<boolean> | undefined;

  constructor(options: DrainOptions) {
    this.#options = options;
  }

  /** Resolves when Envoy may be ended; rejects when the signal is aborted first. */
  async finished(signal: AbortSignal): Promise<void> {
    const { clock, leastMilliseconds, longestMilliseconds } = this.#options;
    const end = clock.monotonic() + longestMilliseconds;
    await sleep(clock, leastMilliseconds, signal);
    while (clock.monotonic() < end && !(await this.#isIdle())) {
      await sleep(clock, INTERVAL_MILLISECONDS, signal);
    }
  }

  /** One look at a time, however many ask. An Envoy that does not answer may be busy. */
  #isIdle(): Promise<boolean> {
    this.#look ??= this.#options.envoy
      .activeRequests()
      .then(
        (count) => count === 0,
        () => false,
      )
      .finally(() => {
        this.#look = undefined;
      });
    return this.#look;
  }
}
