/**
 * `inference.GRPCInferenceService` and the standard health service over gRPC, without TLS: in a pod the proxy
 * in front does that.
 *
 * It speaks HTTP/2 itself, because only then the bytes of a message are counted as they come: grpc-js reads each
 * message whole before anybody can refuse it, so that the streams of many connections together have no bound.
 * All calls here are of one message each way.
 */
import {
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import { BoundedBody } from "../process/bounded-body.ts";
import { listen } from "../process/bounded-http-server.ts";
import { PETREL_HEADER } from "../render/envoy/route.ts";
import { assignmentIn } from "../token/token-mint.ts";
import type { Admission } from "./admission.ts";
import type { Answered, AnswerTokens } from "./answer-tokens.ts";
import type { CodecThread } from "./codec-thread.ts";
import { GrpcConnections } from "./grpc-connections.ts";
import { GRPC_INFER_PATH, type GrpcMethod, type GrpcMethods, grpcMethods } from "./grpc-methods.ts";
import { text } from "./grpc-request.ts";
import { GRPC_STATUS } from "./grpc-status.ts";
import { encodeStatusMessage, FRAME_HEAD_BYTES, frame, parseGrpcTimeout, unframe } from "./grpc-wire.ts";
import { parseExpectedTimeout, TIMEOUT_HEADER } from "./infer-head.ts";
import type { Caller } from "./inference.ts";
import type { InferenceService } from "./inference-service.ts";
import { Patience } from "./patience.ts";
import type { BeginMarked, RequestTap } from "./request-tap.ts";
import { asServeError, FAILURES, quoted, ServeError } from "./serve-error.ts";
import type { ServeMetrics } from "./serve-metrics.ts";

/** What the gRPC server is made of. */
export interface GrpcServerOptions {
  readonly service: InferenceService;
  readonly admission: Admission;
  readonly codec: CodecThread;
  readonly metrics: ServeMetrics;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: {
    readonly maximumConnections: number;
    readonly maximumRequestBytes: number;
    /** Requests at once on one connection. */
    readonly maximumConcurrentStreams: number;
    /** For the whole message of a call to arrive, and for each piece of an answer to be taken. */
    readonly requestTimeoutMilliseconds: number;
  };
  /** Shown in the metadata of each answer of the model; empty for none. */
  readonly modelRevision: string;
  /** Gives answers their tokens; absent where none are asked for. */
  readonly tokens?: AnswerTokens | undefined;
  /** What tells the sidecar of each inference, if there is one. */
  readonly tap: RequestTap | undefined;
  /** What begins to look at a request of which there is a copy, by its headers; absent where nobody asks. */
  readonly mark?: BeginMarked | undefined;
}

/** Room for names, shapes and the rest of a message beside its tensors. */
const MESSAGE_OVERHEAD_BYTES = 65_536;
const MAXIMUM_METADATA_BYTES = 16_384;
/** How much of a message may be on its way before it is counted here, of one stream and of one connection. */
const WINDOW_BYTES = 2 ** 20;
/**
 * How much of an answer is given to the connection at once: what the client does not take is seen, and what is not
 * sent stays below the memory that Node lets one connection have.
 */
const PIECE_BYTES = 2 ** 17;
/** That memory, in megabytes: above a piece for each stream, beyond which calls are refused. */
const SESSION_MEGABYTES = 32;
/** How long the rest of a refused message is read and thrown away, so that the client can read the status. */
const LINGER_MILLISECONDS = 1_000;
/** gRPC with messages of protobuf. Others, such as `application/grpc-web`, have other frames. */
const CONTENT_TYPES: readonly string[] = ["application/grpc", "application/grpc+proto"];

/** The gRPC server. */
export class GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly #server: Http2Server;
  readonly #methods: GrpcMethods;
  readonly #connections: GrpcConnections;
  /** Calls whose message has not come whole, or whose answer was not taken. */
  readonly #patience: Patience<ServerHttp2Stream>;
  readonly #inferHeaders: Readonly<Record<string, string | number>>;

  constructor(options: GrpcServerOptions) {
    this.#options = options;
    const { limits, clock, modelRevision } = options;
    this.#patience = new Patience(clock, limits.requestTimeoutMilliseconds);
    this.#inferHeaders = {
      ...ANSWER_HEADERS,
      ...(modelRevision === "" ? {} : { [PETREL_HEADER.revision]: modelRevision }),
    };
    this.#methods = grpcMethods(options);
    this.#server = createServer({
      settings: {
        maxConcurrentStreams: limits.maximumConcurrentStreams,
        maxHeaderListSize: MAXIMUM_METADATA_BYTES,
        initialWindowSize: WINDOW_BYTES,
        enablePush: false,
      },
      maxSessionMemory: SESSION_MEGABYTES,
    });
    this.#connections = new GrpcConnections(this.#server, clock);
    this.#server.maxConnections = limits.maximumConnections;
    this.#server.on("session", (session) => {
      this.#connections.add(session);
      session.once("connect", () => session.setLocalWindowSize(WINDOW_BYTES));
      // What a client does to its connection ends that connection, and concerns nobody else.
      session.on("error", () => session.destroy());
    });
    this.#server.on("sessionError", () => {});
    this.#server.on("stream", (stream, headers, _flags, raw) => this.#handle(stream, headers, raw));
  }

  /** Starts to listen and gives the port. */
  listen(host: string, port: number): Promise<number> {
    return listen(this.#server, host, port);
  }

  /** Stops to accept; resolves when every request is answered. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => {
        this.#patience.stop();
        resolve();
      });
      this.#connections.close();
    });
  }

  /** Ends every connection at once. */
  abort(): void {
    this.#connections.abort();
  }

  #handle(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: readonly string[]): void {
    this.#connections.call(stream);
    stream.on("error", () => {
      // The client reset the stream; there is nobody to answer.
    });
    stream.once("close", () => this.#patience.forget(stream));
    if (headers[":method"] !== "POST" || !CONTENT_TYPES.includes(headers["content-type"] ?? "")) {
      stream.respond({ ":status": 415 }, { endStream: true });
      this.#linger(stream);
      return;
    }
    const path = headers[":path"] ?? "";
    const method = this.#methods.get(path);
    if (method === undefined) {
      this.#refuse(stream, new ServeError("Unsupported", `unknown method ${quoted(path)}`));
      return;
    }
    if (path === GRPC_INFER_PATH) void this.#infer(stream, headers, rawHeaders, method);
    else void this.#control(stream, headers, method);
  }

  async #infer(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    rawHeaders: readonly string[],
    method: GrpcMethod,
  ): Promise<void> {
    const { service, admission, metrics, clock, limits, tap, mark } = this.#options;
    const start = clock.monotonic();
    const looked = { observation: tap?.beginGrpc(headers), marked: mark?.(rawHeaders) };
    let httpStatus = 200;
    try {
      const ticket = admission.enter(0, () => service.rejected(""));
      try {
        // The request is under way until its client has the answer, or is gone.
        stream.once("close", () => ticket.leave());
        const maximumBytes = limits.maximumRequestBytes + MESSAGE_OVERHEAD_BYTES;
        let answered: Answered | undefined;
        const inference: GrpcMethod = (message, caller) =>
          method(message, caller, (told) => {
            answered = told;
          });
        const grow = (bytes: number) => ticket.grow(bytes);
        const answer = await this.#call(stream, headers, inference, maximumBytes, grow, looked);
        ticket.answer(answer.length);
        const assignment = assignmentIn(headers, rawHeaders);
        const token = answered && this.#options.tokens?.mint(assignment, answered, looked.observation?.event);
        this.#answer(stream, answer, this.#headersOf(token));
      } catch (error) {
        ticket.leave();
        throw error;
      }
    } catch (error) {
      httpStatus = FAILURES[asServeError(error).reason].http;
      this.#refuse(stream, error);
    }
    const durationMilliseconds = clock.monotonic() - start;
    metrics.answered("grpc", httpStatus, durationMilliseconds);
    if (looked.observation !== undefined) tap?.end(looked.observation, httpStatus, durationMilliseconds);
    looked.marked?.end(httpStatus, durationMilliseconds);
  }

  #headersOf(token: string | undefined): Readonly<Record<string, string | number>> {
    return token === undefined ? this.#inferHeaders : { ...this.#inferHeaders, [PETREL_HEADER.token]: token };
  }

  async #control(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, method: GrpcMethod): Promise<void> {
    try {
      const answer = await this.#call(stream, headers, method, MESSAGE_OVERHEAD_BYTES, () => {});
      this.#answer(stream, answer, ANSWER_HEADERS);
    } catch (error) {
      this.#refuse(stream, error);
    }
  }

  async #call(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    method: GrpcMethod,
    maximumBytes: number,
    count: (bytes: number) => void,
    looked: Pick<Caller, "observation" | "marked"> = {},
  ): Promise<Buffer> {
    const { clock, limits } = this.#options;
    const arrivedMilliseconds = clock.monotonic();
    const timeoutMilliseconds = Math.min(
      limits.requestTimeoutMilliseconds,
      parseGrpcTimeout(headers["grpc-timeout"]),
      parseExpectedTimeout(headers[TIMEOUT_HEADER]),
    );
    const caller: Caller = {
      arrivedMilliseconds,
      deadlineMilliseconds: arrivedMilliseconds + timeoutMilliseconds,
      isGone: () => stream.destroyed,
      ...looked,
    };
    const body = await this.#read(stream, maximumBytes + FRAME_HEAD_BYTES, count);
    const message = unframe(body, text(headers["grpc-encoding"]) || undefined, maximumBytes);
    return method(message instanceof Promise ? await message : message, caller, () => {});
  }

  #read(stream: ServerHttp2Stream, maximumBytes: number, count: (bytes: number) => void): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const body = new BoundedBody(maximumBytes, tooLarge);
      let isWhole = false;
      const fail = (error: unknown) => {
        stream.removeAllListeners("data");
        this.#patience.forget(stream);
        reject(error);
      };
      this.#patience.watch(stream, () =>
        fail(new ServeError("DeadlineExceeded", "the message did not arrive in time")),
      );
      stream.on("data", (chunk: Buffer) => {
        try {
          body.add(chunk);
          count(chunk.length);
        } catch (error) {
          fail(error);
        }
      });
      stream.on("end", () => {
        this.#patience.forget(stream);
        isWhole = true;
        resolve(body.whole());
      });
      stream.on("close", () => {
        // Every stream closes; an error with its stack is dear.
        if (!isWhole) reject(new ServeError("RequestTimeout", "the client went away"));
      });
    });
  }

  #answer(
    stream: ServerHttp2Stream,
    message: Buffer,
    headers: Readonly<Record<string, string | number>>,
  ): void {
    if (stream.destroyed) {
      return;
    }
    stream.on("wantTrailers", () => stream.sendTrailers(OK_TRAILERS));
    stream.respond(headers, { waitForTrailers: true });
    this.#write(stream, frame(message), 0);
  }

  /** Writes an answer from a byte on, piece by piece as the client takes it. */
  #write(stream: ServerHttp2Stream, framed: Buffer, start: number): void {
    this.#patience.watch(stream, () => this.#abandon(stream));
    const end = start + PIECE_BYTES;
    if (end >= framed.length) {
      stream.end(start === 0 ? framed : framed.subarray(start));
      return;
    }
    stream.write(framed.subarray(start, end), (error) => {
      if (error === undefined || error === null) {
        this.#write(stream, framed, end);
      }
    });
  }

  /** Ends a call whose client takes nothing of the answer; its connection too, when that cannot even end a call. */
  #abandon(stream: ServerHttp2Stream): void {
    const { session } = stream;
    const cancel = this.#options.clock.schedule(LINGER_MILLISECONDS, () => session?.destroy());
    stream.once("close", cancel);
    stream.close(constants.NGHTTP2_CANCEL);
  }

  /** Answers with a status alone. */
  #refuse(stream: ServerHttp2Stream, error: unknown): void {
    const failure = asServeError(error);
    if (failure.reason === "Internal") {
      this.#options.log.error("request failed", { error });
    }
    if (stream.destroyed) {
      return;
    }
    stream.respond(
      {
        ...ANSWER_HEADERS,
        "grpc-status": GRPC_STATUS[FAILURES[failure.reason].grpc],
        "grpc-message": encodeStatusMessage(failure.message),
      },
      { endStream: true },
    );
    this.#linger(stream);
  }

  /** Reads on for a moment when the client is still sending. */
  #linger(stream: ServerHttp2Stream): void {
    if (!stream.readableEnded) {
      stream.resume();
      const cancel = this.#options.clock.schedule(LINGER_MILLISECONDS, () =>
        stream.close(constants.NGHTTP2_NO_ERROR),
      );
      stream.once("close", cancel);
    }
  }
}

const ANSWER_HEADERS = { ":status": 200, "content-type": "application/grpc" } as const;
const OK_TRAILERS = { "grpc-status": GRPC_STATUS.OK } as const;

/** The message is larger than the server takes. */
function tooLarge(maximumBytes: number): ServeError {
  return new ServeError("TooLarge", `expected a message of at most ${maximumBytes} bytes`);
}
