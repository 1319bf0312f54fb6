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
import type { Admission, Ticket } from "./admission.ts";
import { close, createBoundedServer, type HttpLimits, listen } from "./bounded-http-server.ts";
import type { InferenceService } from "./inference-service.ts";
import { decodeRestRequest, encodeRestResponse, JSON_LENGTH_HEADER } from "./rest-codec.ts";
import { findRoute, type RestRoute } from "./rest-route.ts";
import { asServeError, FAILURES, ServeError } from "./serve-error.ts";
import type { ServeMetrics } from "./serve-metrics.ts";
import type { TensorLimits } from "./tensor.ts";

/** What the REST server is made of. */
export interface RestServerOptions {
  readonly service: InferenceService;
  readonly admission: Admission;
  readonly metrics: ServeMetrics;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: HttpLimits & TensorLimits & { readonly maximumRequestBytes: number };
}

/** How long the rest of a refused body is read and thrown away, so that the client can read the answer. */
const LINGER_MILLISECONDS = 1_000;
/** Largest body of a request that is not an inference. */
const MAXIMUM_CONTROL_BYTES = 65_536;

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: Buffer | string;
}

/** The REST server. */
export class RestServer {
  readonly #options: RestServerOptions;
  readonly #server: Server;

  constructor(options: RestServerOptions) {
    this.#options = options;
    this.#server = createBoundedServer(options.limits, (request, response) => {
      void this.#handle(request, response);
    });
    // The body is asked for only once the request was let in.
    this.#server.on("checkContinue", (request, response) => {
      void this.#handle(request, response);
    });
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

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { clock, metrics } = this.#options;
    const start = clock.monotonic();
    let route: RestRoute | undefined;
    let answer: Answer;
    try {
      route = findRoute(request.method ?? "", request.url ?? "");
      answer = await this.#answer(route, request, response);
    } catch (error) {
      answer = this.#failure(error);
    }
    if (route?.type === "Infer") {
      metrics.answered("rest", answer.status, clock.monotonic() - start);
    }
    if (!request.complete) {
      await discard(request, clock);
    }
    if (!response.destroyed) {
      const isLast = !request.complete || this.#options.service.state.type === "Draining";
      response.writeHead(answer.status, {
        "content-length": Buffer.byteLength(answer.body),
        ...answer.headers,
        ...(isLast ? { connection: "close" } : {}),
      });
      response.end(answer.body);
    }
  }

  async #answer(route: RestRoute, request: IncomingMessage, response: ServerResponse): Promise<Answer> {
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
      case "Infer":
        return this.#infer(route.modelName, route.modelVersion, request, response);
      case "RepositoryIndex":
        return this.#repositoryIndex(request, response);
      case "RepositoryLoad":
      case "RepositoryUnload":
        throw new ServeError("Unsupported", "models are not loaded or unloaded over the network");
    }
  }

  async #infer(
    modelName: string,
    modelVersion: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<Answer> {
    const { service, limits } = this.#options;
    const signature = service.signature(modelName, modelVersion);
    return this.#withBody(request, response, limits.maximumRequestBytes, async (body) => {
      const jsonLength = header(request, JSON_LENGTH_HEADER);
      const decoded = decodeRestRequest({ modelName, modelVersion, jsonLength, body }, signature, limits);
      const answer = await service.infer(decoded.request, () => response.destroyed);
      const encoded = encodeRestResponse(answer, decoded.binaryOutputs);
      return {
        status: 200,
        headers:
          encoded.jsonLength === undefined
            ? { "content-type": "application/json" }
            : { "content-type": "application/octet-stream", [JSON_LENGTH_HEADER]: encoded.jsonLength },
        body: encoded.body,
      };
    });
  }

  /** The repository extension: all models, or with `{"ready": true}` only those that are ready. */
  #repositoryIndex(request: IncomingMessage, response: ServerResponse): Promise<Answer> {
    const { service } = this.#options;
    return this.#withBody(request, response, MAXIMUM_CONTROL_BYTES, async (body) => {
      const reason = service.notReadyReason;
      if (reason !== undefined && /"ready"\s*:\s*true/.test(body.toString("latin1"))) {
        return json([]);
      }
      const { name, version } = service.model;
      const state =
        reason === undefined ? "READY" : service.state.type === "Loading" ? "LOADING" : "UNAVAILABLE";
      return json([{ name, version, state, reason: reason ?? "" }]);
    });
  }

  /** Lets a request in, reads its body, and holds its place until `use` has its answer. */
  async #withBody(
    request: IncomingMessage,
    response: ServerResponse,
    maximumBytes: number,
    use: (body: Buffer) => Promise<Answer>,
  ): Promise<Answer> {
    const encoding = header(request, "content-encoding") ?? "identity";
    if (encoding !== "identity") {
      throw new ServeError("UnsupportedEncoding", "expected a body without content encoding");
    }
    const declaredBytes = Number(header(request, "content-length") ?? 0);
    if (declaredBytes > maximumBytes) {
      throw tooLarge(maximumBytes);
    }
    const ticket = this.#options.admission.enter(declaredBytes);
    try {
      if (header(request, "expect")?.toLowerCase() === "100-continue") {
        response.writeContinue();
      }
      return await use(await readBody(request, declaredBytes, maximumBytes, ticket));
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
    const retryAfter = "retryAfterSeconds" in more ? { "retry-after": more.retryAfterSeconds } : {};
    return {
      status,
      headers: { "content-type": "application/json", ...retryAfter },
      body: JSON.stringify({ error: failure.message }),
    };
  }
}

function readBody(
  request: IncomingMessage,
  declaredBytes: number,
  maximumBytes: number,
  ticket: Ticket,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      request.removeAllListeners("data");
      reject(error);
    };
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > maximumBytes) {
        fail(tooLarge(maximumBytes));
        return;
      }
      try {
        // A body without a declared length is counted as it comes.
        ticket.grow(Math.max(0, Math.min(chunk.length, size - declaredBytes)));
      } catch (error) {
        fail(error);
        return;
      }
      chunks.push(chunk);
    });
    request.once("end", () => {
      const [only] = chunks;
      resolve(chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, size));
    });
    request.once("close", () => {
      if (!request.complete) {
        reject(new ServeError("RequestTimeout", "the body ended early"));
      }
    });
    request.once("error", (error) =>
      fail(new ServeError("RequestTimeout", "the body ended early", { cause: error })),
    );
  });
}

/** Reads on for a moment without keeping anything: closing at once would take the answer from the client. */
function discard(request: IncomingMessage, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.schedule(LINGER_MILLISECONDS, resolve);
    const done = () => {
      cancel();
      resolve();
    };
    request.once("end", done);
    request.once("close", done);
    request.once("error", done);
    request.resume();
  });
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(",") : value;
}

function json(value: unknown): Answer {
  return { status: 200, headers: { "content-type": "application/json" }, body: JSON.stringify(value) };
}

function tooLarge(maximumBytes: number): ServeError {
  return new ServeError("TooLarge", `expected a body of at most ${maximumBytes} bytes`);
}
