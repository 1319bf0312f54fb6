/**
 * Something that was read from outside, with the time of the reading: what gates see of the world.
 *
 * A reading that is missing, old, torn or from a clock that was set back is never taken for knowledge. Who reads keeps
 * to this: the time is the one before the first byte was asked for, by the clock that decides, and a reading of which a
 * part is missing is torn.
 */

/** One reading. */
export type Reading<Value> =
  | { readonly kind: "Whole"; readonly atMilliseconds: number; readonly value: Value }
  /** It came, and cannot be used: a part is missing, or it is not what was asked for. */
  | { readonly kind: "Torn"; readonly atMilliseconds: number; readonly reason: string }
  /** Nothing came so far. */
  | { readonly kind: "Missing"; readonly reason: string };

/** A reading older than this says nothing about the present. Readings are made at least twice in that time. */
export const MAXIMUM_READING_AGE_MILLISECONDS = 180_000;

/** What there is to judge by, or why there is nothing. */
export type Knowledge<Value> =
  | {
      readonly isKnown: true;
      readonly value: Value;
      /** When the reading will be too old. */
      readonly staleAtMilliseconds: number;
    }
  | { readonly isKnown: false; readonly reason: string };

/**
 * What is known by a reading now.
 *
 * @param what it is a reading of, for the reason.
 */
export function knowledgeOf<Value>(
  reading: Reading<Value> | undefined,
  what: string,
  nowMilliseconds: number,
): Knowledge<Value> {
  if (reading === undefined) return { isKnown: false, reason: `${what}: not read yet` };
  if (reading.kind !== "Whole") return { isKnown: false, reason: `${what}: ${reading.reason}` };
  const age = nowMilliseconds - reading.atMilliseconds;
  // A comparison with what is not a number is false, so it is no knowledge.
  if (age >= 0 && age < MAXIMUM_READING_AGE_MILLISECONDS) {
    const staleAtMilliseconds = reading.atMilliseconds + MAXIMUM_READING_AGE_MILLISECONDS;
    return { isKnown: true, value: reading.value, staleAtMilliseconds };
  }
  const reason =
    age < 0 ? "read at a time that has not come yet" : "the last reading is more than 3 minutes old";
  return { isKnown: false, reason: `${what}: ${reason}` };
}
