/**
 * Reads what another program told in JSON, member by member: each is as expected, or the error says where, what was expected
 * and what came. Nothing is guessed, and what came is shown cut to a bounded length.
 */
const SHOWN_LENGTH = 80;

/** Reads members, and throws errors of one class. */
export class ToldJson {
  readonly #error: new (
    message: string,
  ) => Error;

  constructor(error: new (message: string) => Error) {
    this.#error = error;
  }

  /** The error for a member that is not as expected. */
  wrong(where: string, expected: string, found: unknown): Error {
    const shown = typeof found === "string" ? found : (JSON.stringify(found) ?? "nothing");
    return new this.#error(`${where}: expected ${expected}, got ${shown.slice(0, SHOWN_LENGTH)}`);
  }

  /** A whole number from 0 on. */
  whole(value: unknown, where: string): number {
    if (isWhole(value)) return value;
    throw this.wrong(where, "a whole number from 0 on", value);
  }

  /** A list of at most so many. */
  list(value: unknown, maximum: number, where: string): readonly unknown[] {
    if (Array.isArray(value) && value.length <= maximum) return value;
    throw this.wrong(where, `a list of at most ${maximum}`, value);
  }

  /** Counts by bucket, told as pairs: each of the buckets at most once, and no more than `total` in all. */
  bucketCounts(value: unknown, buckets: number, total: number, where: string): ReadonlyMap<number, number> {
    const counts = new Map<number, number>();
    let sum = 0;
    for (const pair of this.list(value, buckets, where)) {
      const [first, second, ...rest] = Array.isArray(pair) ? pair : [];
      const [bucket, count] = [this.whole(first, where), this.whole(second, where)];
      if (bucket >= buckets || rest.length > 0 || counts.has(bucket))
        throw this.wrong(where, `each of ${buckets} buckets at most once`, pair);
      counts.set(bucket, count);
      sum += count;
    }
    if (sum > total) throw this.wrong(where, `at most ${total} in all`, sum);
    return counts;
  }
}

/** Whether it is a whole number from 0 on. */
export function isWhole(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
