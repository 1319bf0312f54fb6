/**
 * `inference.GRPCInferenceService` and the standard health service over gRPC, without TLS: in a pod the proxy
 * in front does that.
 *
 * Messages are taken as bytes and decoded here, because a message that grpc-js cannot decode by itself becomes
 * INTERNAL, which counts against the server, where the fault is the client's.
 */
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import type { Clock } from "../core/clock.ts";
import { errorMessage, type Logger } from "../core/log.ts";
import type { Admission } from "./admission.ts";
import { decodeGrpcRequest, encodeGrpcResponse } from "./grpc-codec.ts";
import { decodeMessage, encodeMessage } from "./grpc-messages.ts";
import type { InferenceService } from "./inference-service.ts";
import { asServeError, FAILURES, invalidArgument, quoted, ServeError } from "./serve-error.ts";
import type { ServeMetrics } from "./serve-metrics.ts";
import type { TensorLimits } from "./tensor.ts";

/** What the gRPC server is made of. */
export interface GrpcServerOptions {
  readonly service: InferenceService;
  readonly admission: Admission;
  readonly metrics: ServeMetrics;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: TensorLimits & {
    readonly maximumRequestBytes: number;
    /** Requests at once on one connection. */
    readonly maximumConcurrentStreams: number;
  };
}

/** Room for names, shapes and the rest of a message beside its tensors. */
const MESSAGE_OVERHEAD_BYTES = 65_536;
const MAXIMUM_METADATA_BYTES = 16_384;
const INFERENCE_SERVICE = "inference.GRPCInferenceService";
/** `grpc.health.v1.HealthCheckResponse.ServingStatus`. */
const SERVING = 1;
const NOT_SERVING = 2;

type Call = ServerUnaryCall<Buffer, Buffer>;
type Method = (request: Buffer, call: Call) => Buffer | Promise<Buffer>;

/** The gRPC server. */
export class GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly #server: Server;

  constructor(options: GrpcServerOptions) {
    this.#options = options;
    this.#server = new Server({
      "grpc.max_receive_message_length": options.limits.maximumRequestBytes + MESSAGE_OVERHEAD_BYTES,
      "grpc.max_send_message_length": -1,
      "grpc.max_concurrent_streams": options.limits.maximumConcurrentStreams,
      "grpc.max_metadata_size": MAXIMUM_METADATA_BYTES,
    });
    this.#addService(INFERENCE_SERVICE, {
      ServerLive: () => encodeMessage("inference.ServerLiveResponse", { live: true }),
      ServerReady: () => encodeMessage("inference.ServerReadyResponse", { ready: this.#isReady() }),
      ServerMetadata: () =>
        encodeMessage("inference.ServerMetadataResponse", { ...options.service.serverMetadata() }),
      ModelReady: (request) => {
        const { name, version } = readModelRequest("inference.ModelReadyRequest", request);
        options.service.checkModel(name, version);
        return encodeMessage("inference.ModelReadyResponse", { ready: this.#isReady() });
      },
      ModelMetadata: (request) => {
        const { name, version } = readModelRequest("inference.ModelMetadataRequest", request);
        const metadata = options.service.modelMetadata(name, version);
        return encodeMessage("inference.ModelMetadataResponse", { ...metadata });
      },
      ModelInfer: (request, call) => this.#infer(request, call),
    });
    this.#addService("grpc.health.v1.Health", {
      Check: (request) => {
        const service = text(read("health.HealthCheckRequest", request)["service"]);
        if (service !== "" && service !== INFERENCE_SERVICE) {
          throw new ServeError("NotFound", `unknown service ${quoted(service)}`);
        }
        return encodeMessage("health.HealthCheckResponse", {
          status: this.#isReady() ? SERVING : NOT_SERVING,
        });
      },
    });
  }

  /** Starts to listen and gives the port. */
  listen(host: string, port: number): Promise<number> {
    const authority = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(authority, ServerCredentials.createInsecure(), (error, boundPort) => {
        if (error === null) {
          resolve(boundPort);
        } else {
          reject(error);
        }
      });
    });
  }

  /** Stops to accept; resolves when every request is answered. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.tryShutdown(() => resolve());
    });
  }

  /** Ends every connection at once. */
  abort(): void {
    this.#server.forceShutdown();
  }

  async #infer(bytes: Buffer, call: Call): Promise<Buffer> {
    const { service, admission, metrics, clock, limits } = this.#options;
    const start = clock.monotonic();
    let httpStatus = 200;
    try {
      const ticket = admission.enter(bytes.length);
      try {
        const { request, rawOutputs } = decodeGrpcRequest(bytes, limits);
        return encodeGrpcResponse(await service.infer(request, () => call.cancelled), rawOutputs);
      } finally {
        ticket.leave();
      }
    } catch (error) {
      httpStatus = FAILURES[asServeError(error).reason].http;
      throw error;
    } finally {
      metrics.answered("grpc", httpStatus, clock.monotonic() - start);
    }
  }

  #isReady(): boolean {
    return this.#options.service.notReadyReason === undefined;
  }

  #addService(name: string, methods: Readonly<Record<string, Method>>): void {
    const definition: ServiceDefinition = Object.fromEntries(
      Object.keys(methods).map((method) => [
        method,
        {
          path: `/${name}/${method}`,
          requestStream: false,
          responseStream: false,
          requestSerialize: (bytes: Buffer) => bytes,
          requestDeserialize: (bytes: Buffer) => bytes,
          responseSerialize: (bytes: Buffer) => bytes,
          responseDeserialize: (bytes: Buffer) => bytes,
        },
      ]),
    );
    const handlers = Object.entries(methods).map(([methodName, method]) => [
      methodName,
      (call: Call, callback: sendUnaryData<Buffer>) => void this.#answer(method, call, callback),
    ]);
    this.#server.addService(definition, Object.fromEntries(handlers));
  }

  async #answer(method: Method, call: Call, callback: sendUnaryData<Buffer>): Promise<void> {
    try {
      callback(null, await method(call.request, call));
    } catch (error) {
      const failure = asServeError(error);
      if (failure.reason === "Internal") {
        this.#options.log.error("request failed", { error });
      }
      callback({ code: status[FAILURES[failure.reason].grpc], details: failure.message });
    }
  }
}

function read(name: Parameters<typeof decodeMessage>[0], bytes: Buffer): Readonly<Record<string, unknown>> {
  try {
    return decodeMessage(name, bytes);
  } catch (error) {
    throw invalidArgument(`expected a ${name}, but cannot parse it: ${quoted(errorMessage(error))}`);
  }
}

function readModelRequest(
  messageName: Parameters<typeof decodeMessage>[0],
  bytes: Buffer,
): { readonly name: string; readonly version: string } {
  const { name, version } = read(messageName, bytes);
  return { name: text(name), version: text(version) };
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
