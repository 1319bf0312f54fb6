/**
 * The second of the two bad outcomes of a reconcile. The first, to be tried again with backoff, is any other
 * error; this one says that trying again is of no use until the spec changes.
 *
 * It must never be thrown for something that may pass by itself: nobody comes back to look.
 */

/** Trying again does not help until the spec changes. Thrown by a reconcile, it ends without a retry. */
export class TerminalError extends Error {
  override readonly name = "TerminalError";
  /** Why, in one CamelCase word, for a condition's `reason`. */
  readonly reason: string;

  constructor(reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}
