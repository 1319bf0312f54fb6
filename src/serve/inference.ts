/**
 * A request for inference and its answer, independent of the transport: what the REST and gRPC codecs read
 * into and write from, and what the service and the executor work on.
 */
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
}

/** The answer to an {@link InferenceRequest}. */
export interface InferenceResponse {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly id: string;
  readonly outputs: readonly Tensor[];
}

/**
 * Parameters of an input or output that would change its data or the answer in a way that this server does not
 * have (Triton's extensions): they are refused, for ignoring them would give a wrong answer. All others are
 * hints, and are let pass.
 */
export const UNSUPPORTED_PARAMETERS: readonly string[] = ["classification", "shared_memory_region"];
