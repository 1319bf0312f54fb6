/** One call of inference over gRPC as it is on the wire: heads and trailers as they came, whatever they say. */
import type { ClientHttp2Session, IncomingHttpHeaders } from "node:http2";
import { frame } from "../grpc-wire.ts";

/** What came back. */
export interface WireAnswer {
  readonly head: IncomingHttpHeaders;
  /** Empty where the head was all. */
  readonly trailers: IncomingHttpHeaders;
  /** `grpc-status` of the trailers, or of a head that was all; empty for none. */
  readonly status: string;
  /** Frames and all. */
  readonly body: Buffer;
}

/** Sends one message, and resolves once the stream has closed. */
export function inferOnWire(
  session: ClientHttp2Session,
  message: Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<WireAnswer> {
  const stream = session.request({
    ":method": "POST",
    ":path": "/inference.GRPCInferenceService/ModelInfer",
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let head: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders = {};
    stream.on("response", (answered) => {
      head = answered;
    });
    stream.on("trailers", (answered) => {
      trailers = answered;
    });
    stream.on("data", (piece: Buffer) => pieces.push(piece));
    stream.on("error", reject);
    stream.on("close", () => {
      const status = String(trailers["grpc-status"] ?? head["grpc-status"] ?? "");
      resolve({ head, trailers, status, body: Buffer.concat(pieces) });
    });
    stream.end(frame(message));
  });
}
