/**
 * A bound on bytes a minute: what was not used for a while may come at once, up to one minute's worth. It only counts;
 * nothing ever waits for it.
 */

const MINUTE_MILLISECONDS = 60_000;

/** The bound. */
export class ByteRate {
  readonly #bytesPerMinute: number;
  #left: number;
  #lastMilliseconds: number;

  /** `nowMilliseconds` is of a clock that never goes back. */
  constructor(bytesPerMinute: number, nowMilliseconds: number) {
    this.#bytesPerMinute = bytesPerMinute;
    this.#left = bytesPerMinute;
    this.#lastMilliseconds = nowMilliseconds;
  }

  /** Takes so many bytes, all of them or none; false for none. */
  take(bytes: number, nowMilliseconds: number): boolean {
    const passed = Math.max(0, nowMilliseconds - this.#lastMilliseconds);
    this.#lastMilliseconds = nowMilliseconds;
    const gained = (passed / MINUTE_MILLISECONDS) * this.#bytesPerMinute;
    this.#left = Math.min(this.#bytesPerMinute, this.#left + gained);
    if (this.#left < bytes) return false;
    this.#left -= bytes;
    return true;
  }
}
