/**
 * Every way in which the collector refuses a whole request, and its status. Overload is 429, never 503: routers retry
 * and eject on 503. All that is posted is idempotent, so a client may always send it again.
 */

/** Status of each reason. */
export const REFUSALS = {
  Malformed: 400,
  Unauthorized: 401,
  NotFound: 404,
  MethodNotAllowed: 405,
  Timeout: 408,
  TooLarge: 413,
  UnsupportedEncoding: 415,
  /** For another partition than this one. */
  WrongPartition: 421,
  Overloaded: 429,
  Internal: 500,
  /** The disk or another partition does not take it. */
  CannotStore: 503,
} as const;

/** Why a request was refused. */
export type RefusalReason = keyof typeof REFUSALS;

/** A refused request; the message is shown to the client and says what was expected. */
export class CollectError extends Error {
  override readonly name = "CollectError";
  readonly reason: RefusalReason;

  constructor(reason: RefusalReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** A body that is not what it should be. */
export function malformed(message: string): CollectError {
  return new CollectError("Malformed", message);
}

/** A value of a client in a message: short, whatever it is. */
export function quoted(value: unknown): string {
  if (typeof value === "string")
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  return value === undefined ? "nothing" : String(value);
}
