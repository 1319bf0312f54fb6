/**
 * A request for inference and its answer, independent of the transport: what the REST and gRPC codecs read
 * into and write from, and what the service and the executor work on.
 */
import type { MarkedRequest } from "../process/shadow-reporter.ts";
import type { Observation } from "../tap/observation.ts";
import { invalidArgument, quoted, ServeError } from "./serve-error.ts";
import type { Tensor } from "./tensor.ts";

/** A request that was read but not yet checked against the model. */
export interface InferenceRequest {
  readonly modelName: string;
  /** Empty when the client named no version. */
  readonly modelVersion: string;
  /** The client's own name for the request, echoed in the answer; empty when there is none. */
  readonly id: string;
  readonly inputs: readonly Tensor[];
  /** Names of the outputs to give; none means all. */
  readonly outputs: readonly string[];
  /** How long the request itself says that its answer is of use; infinite when it does not. */
  readonly timeoutMilliseconds: number;
}

/** Who waits for an answer, as the transport knows it. */
export interface Caller {
  /** When its request began to arrive, on the monotonic clock. */
  readonly arrivedMilliseconds: number;
  /** When it waits no longer: what it said, or the longest time that the server gives. */
  readonly deadlineMilliseconds: number;
  /** Whether it went away. */
  readonly isGone: () => boolean;
  /** Takes what the sidecar is told of the request; undefined when nobody listens. */
  readonly observation?: Observation | undefined;
  /** Takes what the collector is told of a request of which there is a copy, or that is one; undefined for any other. */
  readonly marked?: MarkedRequest | undefined;
}

/**
 * Refuses to do anything for a caller who does not wait any more.
 *
 * @throws {ServeError} RequestTimeout when it went away, DeadlineExceeded when its time is over.
 */
export function requireWaiting(
  { deadlineMilliseconds, isGone }: Omit<Caller, "arrivedMilliseconds" | "observation" | "marked">,
  nowMilliseconds: number,
): void {
  if (isGone()) {
    throw new ServeError("RequestTimeout", "the client went away");
  }
  if (nowMilliseconds >= deadlineMilliseconds) {
    throw new ServeError("DeadlineExceeded", "the time of the request is over");
  }
}

/** The answer to an {@link InferenceRequest}. */
export interface InferenceResponse {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly id: string;
  readonly outputs: readonly Tensor[];
}

/** Longest `id`, in characters. */
const MAXIMUM_ID_LENGTH = 1_024;
/** Most inputs, and most outputs, in one request. */
export const MAXIMUM_TENSORS = 1_024;

/**
 * Refuses an `id` that is too long to be repeated in the answer.
 *
 * @throws {ServeError} InvalidArgument.
 */
export function requireShortId(id: string): void {
  if (id.length > MAXIMUM_ID_LENGTH) {
    throw invalidArgument(`expected "id" of at most ${MAXIMUM_ID_LENGTH} characters, got ${id.length}`);
  }
}

/**
 * Name of the parameter of a request that is its time in microseconds, as Triton has it: it can only shorten
 * the time that the server gives.
 */
export const TIMEOUT_PARAMETER = "timeout";

/**
 * The milliseconds of a {@link TIMEOUT_PARAMETER}; 0, as its absence, is no time-out.
 *
 * @throws {ServeError} InvalidArgument.
 */
export function timeoutMilliseconds(microseconds: unknown): number {
  const value = microseconds ?? 0;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0) {
    throw invalidArgument(
      `expected parameter "${TIMEOUT_PARAMETER}" to be microseconds from 0, got ${quoted(microseconds)}`,
    );
  }
  return value === 0 ? Number.POSITIVE_INFINITY : value / 1_000;
}

/**
 * Parameters of an input or output that would change its data or the answer in a way that this server does not
 * have (Triton's extensions): they are refused, for ignoring them would give a wrong answer. All others are
 * hints, and are let pass.
 */
export const UNSUPPORTED_PARAMETERS: readonly string[] = ["classification", "shared_memory_region"];
