/**
 * The messages between the main thread and the thread that reads and writes large bodies. Both ends are this
 * program, so the types are the contract and nothing is checked again.
 */
import type { DecodedGrpcRequest } from "./grpc-codec.ts";
import type { InferenceResponse } from "./inference.ts";
import type { ModelSignature } from "./model-signature.ts";
import type { BinaryOutputs, DecodedRestRequest, RestInferRequest, RestInferResponse } from "./rest-codec.ts";
import type { FailureReason } from "./serve-error.ts";
import type { TensorLimits } from "./tensor.ts";

/** What the thread can do, each as its function does on any thread. */
export type CodecTask =
  | {
      readonly type: "DecodeRest";
      readonly request: RestInferRequest;
      readonly signature: ModelSignature;
      readonly limits: TensorLimits;
    }
  | {
      readonly type: "EncodeRest";
      readonly response: InferenceResponse;
      readonly binaryOutputs: BinaryOutputs;
    }
  | { readonly type: "DecodeGrpc"; readonly bytes: Uint8Array; readonly limits: TensorLimits }
  | { readonly type: "EncodeGrpc"; readonly response: InferenceResponse; readonly rawOutputs: boolean };

/** What a task gives. */
export interface CodecResults {
  readonly DecodeRest: DecodedRestRequest;
  readonly EncodeRest: Omit<RestInferResponse, "body"> & { readonly body: Uint8Array };
  readonly DecodeGrpc: DecodedGrpcRequest;
  readonly EncodeGrpc: Uint8Array;
}

/** From the thread, which does one task at a time. */
export type CodecReply =
  | { readonly type: "Done"; readonly result: CodecResults[CodecTask["type"]] }
  | { readonly type: "Failed"; readonly reason: FailureReason; readonly message: string };
