/**
 * The Open Inference Protocol over HTTP: reads a request, asks the service, writes the answer. Every error is
 * `{"error": string}` with the status of its reason.
 *
 * A body is read only after the request was let in and never beyond its bound; the content type is not looked
 * at, for clients such as tritonclient send none.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import { close, createBoundedServer, type HttpLimits, listen } from "../process/bounded-http-server.ts";
import { PETREL_HEADER } from "../render/envoy/route.ts";
import { readAssignment } from "../token/token-mint.ts";
import type { Admission, Ticket } from "./admission.ts";
import type { AnswerTokens } from "./answer-tokens.ts";
import type { CodecThread } from "./codec-thread.ts";
import { readInferHead } from "./infer-head.ts";
import type { Caller } from "./inference.ts";
import type { InferenceService } from "./inference-service.ts";
import { inferenceCount } from "./model-signature.ts";
import { discardBody, readBody, tooLarge } from "./request-body.ts";
import type { BeginMarked, RequestTap } from "./request-tap.ts";
import { JSON_LENGTH_HEADER, type RestInferResponse } from "./rest-codec.ts";
import { findRoute, type InferRoute, type RestRoute } from "./rest-route.ts";
import { asServeError, FAILURES, ServeError } from "./serve-error.ts";
import type { ServeMetrics } from "./serve-metrics.ts";

/** What the REST server is made of. */
export interface RestServerOptions {
  readonly service: InferenceService;
  readonly admission: Admission;
  readonly codec: CodecThread;
  readonly metrics: ServeMetrics;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: HttpLimits & { readonly maximumRequestBytes: number };
  /** Shown in the header of each answer of the model; empty for none. */
  readonly modelRevision: string;
  /** Gives answers their tokens; absent where none are asked for. */
  readonly tokens?: AnswerTokens | undefined;
  /** What tells the sidecar of each inference, if there is one. */
  readonly tap: RequestTap | undefined;
  /** What begins to look at a request of which there is a copy, by its headers; absent where nobody asks. */
  readonly mark?: BeginMarked | undefined;
}

/** Largest body of a request that is not an inference. */
const MAXIMUM_CONTROL_BYTES = 65_536;
/** Paths whose route is remembered, and the longest of them. */
const MAXIMUM_KNOWN_PATHS = 64;
const MAXIMUM_KNOWN_PATH_LENGTH = 512;
/**
 * A body of at most so many bytes is written in one piece with the head of the answer, which saves the system
 * call or the vector of two pieces.
 */
const ONE_PIECE_BYTES = 4_096;

interface Answer {
  readonly status: number;
  /** Names and values, one after the other. */
  readonly headers: readonly string[];
  readonly body: Buffer | string;
  /** Of a request that counts as under way until its client has the answer. */
  readonly ticket?: Ticket;
}

/** The REST server. */
export class RestServer {
  readonly #options: RestServerOptions;
  readonly #server: Server;
  readonly #inferRoutes = new Map<string, InferRoute>();
  readonly #jsonHeaders: readonly string[];
  readonly #binaryHeaders: readonly string[];

  constructor(options: RestServerOptions) {
    this.#options = options;
    const { modelRevision } = options;
    const revision = modelRevision === "" ? [] : [PETREL_HEADER.revision, modelRevision];
    this.#jsonHeaders = ["content-type", "application/json", ...revision];
    this.#binaryHeaders = ["content-type", "application/octet-stream", ...revision];
    this.#server = createBoundedServer(options.limits, (request, response) =>
      this.#handle(request, response, false),
    );
    // The body is asked for only once the request was let in.
    this.#server.on("checkContinue", (request, response) => this.#handle(request, response, true));
  }

  /** Starts to listen and gives the port. */
  listen(host: string, port: number): Promise<number> {
    return listen(this.#server, host, port);
  }

  /** Stops to accept; resolves when every request is answered and every connection closed. */
  close(): Promise<void> {
    return close(this.#server);
  }

  /** Ends every connection at once. */
  abort(): void {
    this.#server.closeAllConnections();
  }

  #handle(request: IncomingMessage, response: ServerResponse, waitsForContinue: boolean): void {
    const { clock, metrics, tap, mark } = this.#options;
    let route: RestRoute;
    try {
      route = this.#route(request.method ?? "", request.url ?? "");
    } catch (error) {
      this.#send(request, response, this.#failure(error));
      return;
    }
    const send = (answer: Answer) => this.#send(request, response, answer);
    if (route.type !== "Infer") {
      this.#answer(route, request, response, waitsForContinue).then(send, (error) =>
        send(this.#failure(error)),
      );
      return;
    }
    const start = clock.monotonic();
    const observation = tap?.beginRest(request.rawHeaders);
    const marked = mark?.(request.rawHeaders);
    const finish = (answer: Answer) => {
      const durationMilliseconds = clock.monotonic() - start;
      metrics.answered("rest", answer.status, durationMilliseconds);
      send(answer);
      if (observation !== undefined) tap?.end(observation, answer.status, durationMilliseconds);
      marked?.end(answer.status, durationMilliseconds);
    };
    const looked = { observation, marked };
    this.#infer(route, request, response, waitsForContinue, start, looked).then(finish, (error) =>
      finish(this.#failure(error)),
    );
  }

  #route(method: string, url: string): RestRoute {
    const known = method === "POST" ? this.#inferRoutes.get(url) : undefined;
    if (known !== undefined) {
      return known;
    }
    const route = findRoute(method, url);
    if (route.type === "Infer" && url.length <= MAXIMUM_KNOWN_PATH_LENGTH) {
      if (this.#inferRoutes.size >= MAXIMUM_KNOWN_PATHS) {
        this.#inferRoutes.clear();
      }
      this.#inferRoutes.set(url, route);
    }
    return route;
  }

  async #answer(
    route: Exclude<RestRoute, InferRoute>,
    request: IncomingMessage,
    response: ServerResponse,
    waitsForContinue: boolean,
  ): Promise<Answer> {
    const { service } = this.#options;
    switch (route.type) {
      case "ServerMetadata":
        return json(service.serverMetadata());
      case "ServerLive":
        return json({ live: true });
      case "ServerReady":
        this.#requireReady();
        return json({ ready: true });
      case "ModelReady":
        service.checkModel(route.modelName, route.modelVersion);
        this.#requireReady();
        return json({ name: route.modelName, ready: true });
      case "ModelMetadata":
        return json(service.modelMetadata(route.modelName, route.modelVersion));
      case "RepositoryIndex":
        return this.#repositoryIndex(request, response, waitsForContinue);
      case "RepositoryLoad":
      case "RepositoryUnload":
        throw new ServeError("Unsupported", "models are not loaded or unloaded over the network");
    }
  }

  async #infer(
    { modelName, modelVersion }: InferRoute,
    request: IncomingMessage,
    response: ServerResponse,
    waitsForContinue: boolean,
    arrivedMilliseconds: number,
    looked: Pick<Caller, "observation" | "marked">,
  ): Promise<Answer> {
    const { service, codec, limits, tokens } = this.#options;
    const signature = service.signature(modelName, modelVersion);
    const { jsonLength, contentLength, timeoutMilliseconds } = readInferHead(request.rawHeaders);
    const declaredBytes = contentLength ?? 0;
    if (declaredBytes > limits.maximumRequestBytes) {
      throw tooLarge(limits.maximumRequestBytes);
    }
    const ticket = this.#options.admission.enter(declaredBytes, () => service.rejected(modelVersion));
    try {
      if (waitsForContinue) {
        response.writeContinue();
      }
      const body = await readBody(request, declaredBytes, limits.maximumRequestBytes, ticket);
      const caller: Caller = {
        arrivedMilliseconds,
        deadlineMilliseconds:
          arrivedMilliseconds + Math.min(limits.requestTimeoutMilliseconds, timeoutMilliseconds),
        isGone: () => response.destroyed,
        ...looked,
      };
      const reading = codec.decodeRest({ modelName, modelVersion, jsonLength, body }, signature, caller);
      const decoded = reading instanceof Promise ? await reading : reading;
      const result = await service.infer(decoded.request, caller);
      const told = tokens?.look(result.outputs, inferenceCount(signature, decoded.request.inputs));
      const writing = codec.encodeRest(result, decoded.binaryOutputs, caller);
      const written = writing instanceof Promise ? await writing : writing;
      const token = told && tokens?.mint(readAssignment(request.rawHeaders), told, looked.observation?.event);
      return this.#inferred(written, ticket, token);
    } catch (error) {
      ticket.leave();
      throw error;
    }
  }

  #inferred({ jsonLength, body }: RestInferResponse, ticket: Ticket, token: string | undefined): Answer {
    ticket.answer(body.length);
    const untold =
      jsonLength === undefined
        ? this.#jsonHeaders
        : [...this.#binaryHeaders, JSON_LENGTH_HEADER, String(jsonLength)];
    const headers = token === undefined ? untold : [...untold, PETREL_HEADER.token, token];
    return { status: 200, headers, body, ticket };
  }

  /** The repository extension: all versions, or with `{"ready": true}` only those that are ready. */
  async #repositoryIndex(
    request: IncomingMessage,
    response: ServerResponse,
    waitsForContinue: boolean,
  ): Promise<Answer> {
    const { service } = this.#options;
    const declaredBytes = readInferHead(request.rawHeaders).contentLength ?? 0;
    if (declaredBytes > MAXIMUM_CONTROL_BYTES) {
      throw tooLarge(MAXIMUM_CONTROL_BYTES);
    }
    const ticket = this.#options.admission.enter(declaredBytes);
    try {
      if (waitsForContinue) {
        response.writeContinue();
      }
      const body = await readBody(request, declaredBytes, MAXIMUM_CONTROL_BYTES, ticket);
      const reason = service.notReadyReason;
      if (reason !== undefined && /"ready"\s*:\s*true/.test(body.toString("latin1"))) {
        return json([]);
      }
      const state =
        reason === undefined ? "READY" : service.state.type === "Loading" ? "LOADING" : "UNAVAILABLE";
      const name = service.modelName;
      return json(service.versionNames.map((version) => ({ name, version, state, reason: reason ?? "" })));
    } finally {
      ticket.leave();
    }
  }

  #requireReady(): void {
    const reason = this.#options.service.notReadyReason;
    if (reason !== undefined) {
      throw new ServeError("NotReady", reason);
    }
  }

  #failure(error: unknown): Answer {
    const failure = asServeError(error);
    const { http: status, ...more } = FAILURES[failure.reason];
    if (failure.reason === "Internal") {
      this.#options.log.error("request failed", { error });
    }
    const retryAfter = "retryAfterSeconds" in more ? ["retry-after", String(more.retryAfterSeconds)] : [];
    return {
      status,
      headers: ["content-type", "application/json", ...retryAfter],
      body: JSON.stringify({ error: failure.message }),
    };
  }

  #send(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
    if (request.complete) {
      this.#write(response, answer, this.#options.service.state.type === "Draining");
    } else {
      void discardBody(request, this.#options.clock).then(() => this.#write(response, answer, true));
    }
  }

  #write(response: ServerResponse, { status, headers, body, ticket }: Answer, isLast: boolean): void {
    if (response.destroyed) {
      ticket?.leave();
      return;
    }
    const length = String(typeof body === "string" ? Buffer.byteLength(body) : body.length);
    const closing = isLast ? ["connection", "close"] : [];
    response.writeHead(status, [...headers, "content-length", length, ...closing]);
    if (typeof body === "string" || body.length > ONE_PIECE_BYTES) {
      response.end(body);
    } else {
      response.end(body.toString("latin1"), "latin1");
    }
    if (ticket !== undefined) {
      this.#hold(response, ticket);
    }
  }

  /** Counts a request as under way until the system has all of its answer, or its client takes none for too long. */
  #hold(response: ServerResponse, ticket: Ticket): void {
    if (response.writableLength === 0) {
      ticket.leave();
      return;
    }
    response.setTimeout(this.#options.limits.requestTimeoutMilliseconds, () => response.destroy());
    response.once("close", () => ticket.leave());
  }
}

function json(value: unknown): Answer {
  return {
    status: 200,
    headers: ["content-type", "application/json"],
    body: JSON.stringify(value),
  };
}
