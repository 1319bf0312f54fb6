/**
 * A gRPC client for tests that sends bytes as they are, so that a test can send what no codec would write.
 */
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { decodeMessage, encodeMessage, type MessageName } from "../grpc-messages.ts";

/** A connection to a server. */
export interface GrpcTestClient {
  /** Calls a method, such as `/inference.GRPCInferenceService/ServerLive`, with a message. */
  call(path: string, request: Buffer): Promise<Buffer>;
  /** Calls a method of the inference service; rejects with the gRPC error. */
  inference(method: string, fields?: Record<string, unknown>): Promise<Readonly<Record<string, unknown>>>;
  close(): void;
}

/** Connects to `127.0.0.1:PORT`. */
export function grpcClient(address: string): GrpcTestClient {
  const client = new Client(address, credentials.createInsecure(), { "grpc.max_send_message_length": -1 });
  const bytes = (message: Buffer) => message;
  const call = (path: string, request: Buffer) =>
    new Promise<Buffer>((resolve, reject) => {
      client.makeUnaryRequest(
        path,
        bytes,
        bytes,
        request,
        (error: ServiceError | null, response?: Buffer) => {
          if (error === null && response !== undefined) {
            resolve(response);
          } else {
            reject(error);
          }
        },
      );
    });
  return {
    call,
    inference: async (method, fields = {}) => {
      const request: MessageName = `inference.${method}Request`;
      const response: MessageName = `inference.${method}Response`;
      const answer = await call(`/inference.GRPCInferenceService/${method}`, encodeMessage(request, fields));
      return decodeMessage(response, answer);
    },
    close: () => client.close(),
  };
}
