/**
 * The methods of `inference.GRPCInferenceService` and of the standard health service: a message in, a message out. How
 * messages come and go is not theirs.
 */
import type { Answered, AnswerTokens } from "./answer-tokens.ts";
import type { CodecThread } from "./codec-thread.ts";
import { encodeMessage } from "./grpc-messages.ts";
import { readMessage, readModelRequest, text } from "./grpc-request.ts";
import type { Caller } from "./inference.ts";
import type { InferenceService } from "./inference-service.ts";
import { inferenceCount } from "./model-signature.ts";
import { quoted, ServeError } from "./serve-error.ts";

const INFERENCE_SERVICE = "inference.GRPCInferenceService";
/** The path of an inference. */
export const GRPC_INFER_PATH = `/${INFERENCE_SERVICE}/ModelInfer`;
/** `grpc.health.v1.HealthCheckResponse.ServingStatus`. */
const SERVING = 1;
const NOT_SERVING = 2;

/** Answers a message. An inference tells what its token is to say. */
export type GrpcMethod = (
  request: Buffer,
  caller: Caller,
  ran: (told: Answered) => void,
) => Buffer | Promise<Buffer>;

/** By path. */
export type GrpcMethods = ReadonlyMap<string, GrpcMethod>;

/** What the methods need. */
export interface GrpcMethodOptions {
  readonly service: InferenceService;
  readonly codec: CodecThread;
  /** Looks at what tokens tell of an answer; absent where none are asked for. */
  readonly tokens?: AnswerTokens | undefined;
}

/** All methods. */
export function grpcMethods({ service, codec, tokens }: GrpcMethodOptions): GrpcMethods {
  const isReady = () => service.notReadyReason === undefined;
  const inference: Record<string, GrpcMethod> = {
    ServerLive: () => encodeMessage("inference.ServerLiveResponse", { live: true }),
    ServerReady: () => encodeMessage("inference.ServerReadyResponse", { ready: isReady() }),
    ServerMetadata: () => encodeMessage("inference.ServerMetadataResponse", { ...service.serverMetadata() }),
    ModelReady: (request) => {
      const { name, version } = readModelRequest("inference.ModelReadyRequest", request);
      // As Triton has it: what is not there is not ready. Over REST it is not found.
      const ready = service.hasModel(name, version) && isReady();
      return encodeMessage("inference.ModelReadyResponse", { ready });
    },
    ModelMetadata: (request) => {
      const { name, version } = readModelRequest("inference.ModelMetadataRequest", request);
      return encodeMessage("inference.ModelMetadataResponse", { ...service.modelMetadata(name, version) });
    },
    ModelInfer: async (message, caller, ran) => {
      const reading = codec.decodeGrpc(message, caller);
      const { request, rawOutputs } = reading instanceof Promise ? await reading : reading;
      const response = await service.infer(request, caller);
      const { modelName, modelVersion, inputs } = request;
      const rows = inferenceCount(service.signature(modelName, modelVersion), inputs);
      if (tokens !== undefined) ran(tokens.look(response.outputs, rows));
      return codec.encodeGrpc(response, rawOutputs, caller);
    },
  };
  const health: Record<string, GrpcMethod> = {
    Check: (request) => {
      const name = text(readMessage("health.HealthCheckRequest", request)["service"]);
      if (name !== "" && name !== INFERENCE_SERVICE) {
        throw new ServeError("NotFound", `unknown service ${quoted(name)}`);
      }
      return encodeMessage("health.HealthCheckResponse", {
        status: isReady() ? SERVING : NOT_SERVING,
      });
    },
  };
  return new Map([
    ...Object.entries(inference).map(([name, method]) => [`/${INFERENCE_SERVICE}/${name}`, method] as const),
    ...Object.entries(health).map(([name, method]) => [`/grpc.health.v1.Health/${name}`, method] as const),
  ]);
}
