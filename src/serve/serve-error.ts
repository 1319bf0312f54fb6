/**
 * Every way in which the model server refuses or fails a request, and what each is called over HTTP and gRPC.
 *
 * Overload is 429, never 503: routers retry and eject on 503, which turns overload into an outage. What a
 * request can provoke on a healthy model is 4xx for the same reason.
 */
import { longInteger } from "./exact-json.ts";
import type { GRPC_STATUS } from "./grpc-status.ts";

/** HTTP status and gRPC code of each reason; `retryAfterSeconds` is sent as `Retry-After`. */
export const FAILURES = {
  /** The request is malformed, or does not fit the model. */
  InvalidArgument: { http: 400, grpc: "INVALID_ARGUMENT" },
  /** No such model, version or path. */
  NotFound: { http: 404, grpc: "NOT_FOUND" },
  MethodNotAllowed: { http: 405, grpc: "UNIMPLEMENTED" },
  /** The body did not arrive in time. */
  RequestTimeout: { http: 408, grpc: "CANCELLED" },
  TooLarge: { http: 413, grpc: "RESOURCE_EXHAUSTED" },
  /** A content encoding that the server does not read. */
  UnsupportedEncoding: { http: 415, grpc: "INVALID_ARGUMENT" },
  /** The bounded queue is full. */
  Overloaded: { http: 429, grpc: "RESOURCE_EXHAUSTED", retryAfterSeconds: 1 },
  Internal: { http: 500, grpc: "INTERNAL" },
  /** A part of the protocol that this server does not have. */
  Unsupported: { http: 501, grpc: "UNIMPLEMENTED" },
  /** The model is not loaded, or no longer there. */
  NotReady: { http: 503, grpc: "UNAVAILABLE" },
  /** The model did not answer in time. */
  DeadlineExceeded: { http: 504, grpc: "DEADLINE_EXCEEDED" },
} as const satisfies Record<
  string,
  { http: number; grpc: keyof typeof GRPC_STATUS; retryAfterSeconds?: number }
>;

/** Why a request failed. */
export type FailureReason = keyof typeof FAILURES;

/** A request that was refused or failed; its message is shown to the client, so it holds nothing secret. */
export class ServeError extends Error {
  override readonly name = "ServeError";
  readonly reason: FailureReason;

  constructor(reason: FailureReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** The request is malformed or does not fit the model. */
export function invalidArgument(message: string): ServeError {
  return new ServeError("InvalidArgument", message);
}

/** What is shown to the client for anything thrown: an error that is not ours stays inside. */
export function asServeError(error: unknown): ServeError {
  return error instanceof ServeError ? error : new ServeError("Internal", "internal error", { cause: error });
}

/**
 * A value of the client for use in a message: short, whatever it is. Lists and objects are named, not shown,
 * for they may be as large and as deep as the request.
 */
export function quoted(value: unknown): string {
  const integer = longInteger(value);
  if (integer !== undefined) {
    return String(integer);
  }
  if (typeof value === "string") {
    return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}...` : value);
  }
  if (Array.isArray(value)) {
    return `a list of ${value.length}`;
  }
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
