/**
 * Lets a few work at a time; the others wait in the order in which they came, for as long as they want to. Each place is
 * left exactly once, and none goes to somebody who waits no more.
 */

/** So many places. */
export class Places {
  readonly #waiting = new Set<() => void>();
  readonly #count: number;
  #free: number;

  constructor(count: number) {
    this.#count = count;
    this.#free = count;
  }

  /** Nobody works, and nobody waits. */
  get isIdle(): boolean {
    return this.#free === this.#count;
  }

  /** Waits for a place, and gives what leaves it. Rejects with the signal's reason when that comes first. */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#turn(signal);
    let isLeft = false;
    return () => {
      if (isLeft) return;
      isLeft = true;
      const [next] = this.#waiting;
      if (next === undefined) this.#free++;
      else next();
    };
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = () => {
        this.#waiting.delete(begin);
        reject(signal.reason);
      };
      const begin = () => {
        this.#waiting.delete(begin);
        signal.removeEventListener("abort", end);
        resolve();
      };
      this.#waiting.add(begin);
      signal.addEventListener("abort", end, { once: true });
    });
  }
}
