/**
 * Stands before a foreign runtime over HTTP/2: passes every call on and its answer back, message by message as they
 * come, observes inferences and gives their answers a token. Calls that are streams pass through and are not observed.
 *
 * It adds no other meaning: headers, messages, trailers, resets are what the runtime and the client say. A runtime
 * that cannot be reached is UNAVAILABLE, so that routers try elsewhere.
 */
import {
  type ClientHttp2Stream,
  constants,
  createServer,
  type Http2Server,
  type Http2Session,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { Clock } from "../core/clock.ts";
import { errorMessage, type Logger } from "../core/log.ts";
import { listen } from "../process/bounded-http-server.ts";
import { PETREL_HEADER } from "../render/envoy/route.ts";
import { assignmentIn, type RequestAssignment } from "../token/token-mint.ts";
import type { ForeignObserver, ForeignRequest, RequestReader, TensorReader } from "./foreign-request.ts";
import { readGrpcRows, readGrpcTensors } from "./grpc-tensors.ts";
import { GrpcUpstream } from "./grpc-upstream.ts";

/** What the proxy is made of. */
export interface GrpcProxyOptions {
  readonly upstream: URL;
  readonly observer: ForeignObserver;
  readonly clock: Clock;
  readonly log: Logger;
  readonly maximumConnections: number;
  /** A call in which nothing moves for so long is ended. */
  readonly requestTimeoutMilliseconds: number;
}

const INFER_PATH = "/inference.GRPCInferenceService/ModelInfer";
const MAXIMUM_METADATA_BYTES = 16_384;
const MAXIMUM_STREAMS_PER_CONNECTION = 64;
const WINDOW_BYTES = 2 ** 20;
const IDLE_MILLISECONDS = 300_000;
const FRAME_HEAD_BYTES = 5;
/** Of gRPC, as statuses of HTTP; all others are 500. */
const HTTP_STATUS: Readonly<Record<string, number>> = {
  0: 200,
  1: 499,
  3: 400,
  4: 504,
  5: 404,
  8: 429,
  12: 501,
  14: 503,
  16: 401,
};
const STATUS = { DEADLINE_EXCEEDED: 4, RESOURCE_EXHAUSTED: 8, UNAVAILABLE: 14 } as const;

/** The proxy. */
export class GrpcProxy {
  readonly #options: GrpcProxyOptions;
  readonly #server: Http2Server;
  readonly #upstream: GrpcUpstream;
  readonly #sessions = new Set<Http2Session>();

  constructor(options: GrpcProxyOptions) {
    this.#options = options;
    this.#upstream = new GrpcUpstream(options.upstream);
    this.#server = createServer({
      settings: {
        maxConcurrentStreams: MAXIMUM_STREAMS_PER_CONNECTION,
        maxHeaderListSize: MAXIMUM_METADATA_BYTES,
        initialWindowSize: WINDOW_BYTES,
        enablePush: false,
      },
    });
    this.#server.maxConnections = options.maximumConnections;
    this.#server.on("session", (session) => {
      this.#sessions.add(session);
      session.once("close", () => this.#sessions.delete(session));
      session.once("connect", () => session.setLocalWindowSize(WINDOW_BYTES));
      session.setTimeout(IDLE_MILLISECONDS, () => session.close());
      session.on("error", () => session.destroy());
    });
    this.#server.on("sessionError", () => {});
    this.#server.on("stream", (stream, headers, _flags, rawHeaders) =>
      this.#pass(stream, headers, rawHeaders),
    );
  }

  /** Starts to listen and gives the port. */
  listen(host: string, port: number): Promise<number> {
    return listen(this.#server, host, port);
  }

  /** Takes no more calls; resolves when every one has ended. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => {
        this.#upstream.close();
        resolve();
      });
      for (const session of this.#sessions) session.close();
    });
  }

  /** Ends every connection at once. */
  abort(): void {
    for (const session of this.#sessions) session.destroy();
    this.#upstream.abort();
  }

  #pass(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: readonly string[]): void {
    const { observer, clock, log } = this.#options;
    const observed = headers[":path"] === INFER_PATH ? observer.begin(headers) : undefined;
    stream.on("error", () => {
      // The client reset the call; there is nobody to answer.
    });
    const connection = this.#upstream.take();
    if (connection === undefined) {
      refuse(stream, STATUS.RESOURCE_EXHAUSTED, "too many calls to the model runtime");
      observed?.end(429, clock.monotonic());
      return;
    }
    let call: ClientHttp2Stream;
    try {
      call = connection.session.request({ ...headers });
    } catch (error) {
      connection.release();
      log.warn("the model runtime does not answer", { "error.message": errorMessage(error) });
      refuse(stream, STATUS.UNAVAILABLE, "the model runtime does not answer");
      observed?.end(503, clock.monotonic());
      return;
    }
    call.once("close", connection.release);
    this.#join(stream, call, observed, () => assignmentIn(headers, rawHeaders));
  }

  #join(
    stream: ServerHttp2Stream,
    call: ClientHttp2Stream,
    observed: ForeignRequest | undefined,
    assignment: () => RequestAssignment,
  ): void {
    const { clock, log, requestTimeoutMilliseconds } = this.#options;
    let trailers: IncomingHttpHeaders | undefined;
    const end = (grpcStatus: unknown) => {
      const status = HTTP_STATUS[String(grpcStatus)] ?? 500;
      observed?.end(status, clock.monotonic(), status === 200 ? OUTPUTS : undefined);
    };
    const unavailable = (status: number, problem: string) => {
      if (!stream.destroyed && !stream.headersSent) refuse(stream, status, problem);
      else if (!stream.destroyed) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      end(status);
    };
    call.on("response", (headers, flags) => {
      if (stream.destroyed) return;
      const isLast = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      const { givesTokens } = this.#options.observer;
      const passed = this.#passed(headers);
      if (isLast) {
        stream.respond(passed, { endStream: true });
        end(headers["grpc-status"]);
        return;
      }
      const answer = (token?: string) => {
        if (stream.destroyed || stream.headersSent) return;
        if (token !== undefined) passed[PETREL_HEADER.token] = token;
        stream.respond(passed, { waitForTrailers: true });
        // Not before: a listener lets messages flow, and the first one may be there already.
        if (observed !== undefined) call.on("data", (piece: Buffer) => observed.response.add(piece));
        call.pipe(stream);
      };
      if (observed === undefined || !givesTokens) answer();
      // A call that fails may have a head, too, but no message: only with one does the answer get a token.
      else
        call.once("readable", () => answer(call.readableLength > 0 ? observed.token(assignment) : undefined));
    });
    const sendTrailers = () => {
      if (!stream.destroyed) stream.sendTrailers(this.#passed(trailers));
      end(trailers?.["grpc-status"]);
    };
    call.on("trailers", (headers) => {
      trailers = headers;
    });
    stream.on("wantTrailers", () => {
      if (trailers !== undefined || call.closed) sendTrailers();
      else call.once("close", sendTrailers);
    });
    call.on("error", (error) => {
      log.warn("the model runtime does not answer", { "error.message": errorMessage(error) });
      unavailable(STATUS.UNAVAILABLE, "the model runtime does not answer");
    });
    call.on("close", () => {
      // The runtime is done: what is left of the answer waits for the client alone.
      stream.setTimeout(requestTimeoutMilliseconds, () => stream.close(constants.NGHTTP2_CANCEL));
      // It was ended without an answer, or in the middle of one.
      if (!stream.destroyed && !stream.headersSent) {
        unavailable(STATUS.UNAVAILABLE, "the model runtime ended the call");
      } else if (!stream.destroyed && call.rstCode !== constants.NGHTTP2_NO_ERROR) {
        stream.close(call.rstCode);
        end(undefined);
      }
    });
    call.setTimeout(requestTimeoutMilliseconds, () => {
      unavailable(STATUS.DEADLINE_EXCEEDED, "the model runtime did not answer in time");
      call.close(constants.NGHTTP2_CANCEL);
    });
    stream.on("close", () => {
      if (!call.closed) call.close(constants.NGHTTP2_CANCEL);
      end(1);
    });
    if (observed !== undefined) stream.on("data", (piece: Buffer) => observed.request.add(piece));
    stream.pipe(call);
    // Behind what ends the call to the runtime: it begins before anything is read here.
    if (observed !== undefined) stream.on("end", () => observed.requestEnded(INPUTS));
  }

  /** Where answers get tokens, no other one of the name is believed, in whatever call, before messages or behind them. */
  #passed(headers: IncomingHttpHeaders | undefined): OutgoingHttpHeaders {
    if (!this.#options.observer.givesTokens) return { ...headers };
    const { [PETREL_HEADER.token]: _token, ...passed } = headers ?? {};
    return passed;
  }
}

const INPUTS: RequestReader = {
  tensors: (body, names) => readGrpcTensors(messageOf(body), "inputs", names),
  rows: (head) => (head[0] === 0 ? readGrpcRows(head.subarray(FRAME_HEAD_BYTES)) : undefined),
};
const OUTPUTS: TensorReader = (body, names) => readGrpcTensors(messageOf(body), "outputs", names);

/** The one message of a call, out of its frame. */
function messageOf(body: Buffer): Buffer {
  const isWhole = body.length >= FRAME_HEAD_BYTES && body.readUInt32BE(1) === body.length - FRAME_HEAD_BYTES;
  if (!isWhole || body[0] !== 0) throw new Error("expected one message without compression");
  return body.subarray(FRAME_HEAD_BYTES);
}

/** Answers with a status alone. */
function refuse(stream: ServerHttp2Stream, status: number, message: string): void {
  stream.respond(
    {
      ":status": 200,
      "content-type": "application/grpc",
      "grpc-status": status,
      "grpc-message": message,
    },
    { endStream: true },
  );
  // What the client still sends is read and thrown away.
  stream.resume();
}
