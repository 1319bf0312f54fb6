/**
 * A bound on bytes a minute: what was not used for a while may come at once, up to one minute's worth. It only counts;
 * nothing ever waits for it. Whether there is room is known before something is made, how much that took only then, so
 * the last one before the bound may go beyond it, and what follows pays for that.
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

  /** Whether anything may come now. */
  isOpen(nowMilliseconds: number): boolean {
    if (this.#bytesPerMinute === Number.POSITIVE_INFINITY) return true;
    const passed = Math.max(0, nowMilliseconds - this.#lastMilliseconds);
    this.#lastMilliseconds = nowMilliseconds;
    const gained = (passed / MINUTE_MILLISECONDS) * this.#bytesPerMinute;
    this.#left = Math.min(this.#bytesPerMinute, this.#left + gained);
    return this.#left > 0;
  }

  /** So many bytes came. */
  spend(bytes: number): void {
    this.#left -= bytes;
  }
}
