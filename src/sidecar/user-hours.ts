/**
 * Which users were seen in this hour, in a fixed room: a bit for each of many hashes. Two users with the same bit count
 * as one, which loses a few of the later ones and lets none in twice.
 */

const BITS = 2 ** 23;
const HOUR_MILLISECONDS = 3_600_000;

/** The users of the present hour. */
export class UserHours {
  readonly #bits = new Uint8Array(BITS / 8);
  #hour = Number.NEGATIVE_INFINITY;

  /** Whether the user with this tag comes for the first time in the hour. */
  isFirst(tag: Uint8Array, nowMilliseconds: number): boolean {
    const hour = Math.floor(nowMilliseconds / HOUR_MILLISECONDS);
    if (hour !== this.#hour) {
      this.#bits.fill(0);
      this.#hour = hour;
    }
    const bit = ((tag[0] ?? 0) | ((tag[1] ?? 0) << 8) | ((tag[2] ?? 0) << 16)) % BITS;
    const mask = 1 << (bit & 7);
    const seen = this.#bits[bit >> 3] ?? 0;
    if ((seen & mask) !== 0) return false;
    this.#bits[bit >> 3] = seen | mask;
    return true;
  }
}
