/**
 * Stands before a foreign runtime over HTTP/1.1: passes every request on and its answer back, as they come, observes
 * inferences and gives their answers a token. It adds no other meaning: what the runtime says is what the client gets.
 *
 * Bodies stream with the pace of the slower side. A runtime that does not answer is 502, one that takes too long 504,
 * so that routers try elsewhere.
 */
import {
  Agent,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { gunzipSync, inflateSync } from "node:zlib";
import type { Clock } from "../core/clock.ts";
import { errorMessage, type Logger } from "../core/log.ts";
import { close, createBoundedServer, listen } from "../process/bounded-http-server.ts";
import { PETREL_HEADER } from "../render/envoy/route.ts";
import { readAssignment } from "../token/token-mint.ts";
import type { ForeignObserver, ForeignRequest, RequestReader, TensorReader } from "./foreign-request.ts";
import { readRestTensors } from "./rest-tensors.ts";

/** What the proxy is made of. */
export interface RestProxyOptions {
  readonly upstream: URL;
  readonly observer: ForeignObserver;
  readonly clock: Clock;
  readonly log: Logger;
  readonly maximumConnections: number;
  readonly requestTimeoutMilliseconds: number;
}

const INFER_PATH = /^\/v2\/models\/[^/?]+(?:\/versions\/[^/?]+)?\/infer(?:\?|$)/;
const JSON_LENGTH_HEADER = "inference-header-content-length";
/** An idle connection ends before usual runtimes end theirs (uvicorn after 5 s): a request would be lost with it. */
const IDLE_MILLISECONDS = 4_000;
/** Of one connection, not of what passes through it (RFC 9110, 7.6.1). `expect` was answered already. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
]);

/** Never of one connection, whatever `connection` names: without them a message is another one. */
const OF_THE_MESSAGE = new Set(["content-length", "content-type", "content-encoding", "host"]);

/** The proxy. */
export class RestProxy {
  readonly #options: RestProxyOptions;
  readonly #server: Server;
  readonly #agent: Agent;

  constructor(options: RestProxyOptions) {
    this.#options = options;
    const { maximumConnections, requestTimeoutMilliseconds } = options;
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: maximumConnections,
      scheduling: "lifo",
      timeout: IDLE_MILLISECONDS,
    });
    this.#server = createBoundedServer(
      { maximumConnections, requestTimeoutMilliseconds },
      (request, response) => this.#pass(request, response),
    );
  }

  /** Starts to listen and gives the port. */
  listen(host: string, port: number): Promise<number> {
    return listen(this.#server, host, port);
  }

  /** Stops to accept; resolves when every request is answered. */
  async close(): Promise<void> {
    await close(this.#server);
    this.#agent.destroy();
  }

  /** Ends every connection at once. */
  abort(): void {
    this.#server.closeAllConnections();
  }

  #pass(request: IncomingMessage, response: ServerResponse): void {
    const { upstream, observer, requestTimeoutMilliseconds } = this.#options;
    const isInference = request.method === "POST" && INFER_PATH.test(request.url ?? "");
    const observed = isInference ? observer.begin(request.headers) : undefined;
    const outgoing = httpRequest({
      agent: this.#agent,
      hostname: upstream.hostname,
      port: upstream.port,
      method: request.method,
      path: request.url,
      headers: [
        ...passedHeaders(request),
        ...(request.headers["transfer-encoding"] === undefined ? [] : ["transfer-encoding", "chunked"]),
      ],
    });
    let hasFailed = false;
    const fail = (status: number, problem: string) => {
      hasFailed = true;
      outgoing.destroy();
      this.#refuse(request, response, status, problem);
      observed?.end(status, this.#options.clock.monotonic());
    };
    outgoing.setTimeout(requestTimeoutMilliseconds, () =>
      fail(504, "the model runtime did not answer in time"),
    );
    outgoing.on("error", (error) => {
      if (hasFailed) return;
      if (response.destroyed || response.headersSent) {
        response.destroy();
        observed?.end(502, this.#options.clock.monotonic());
        return;
      }
      this.#options.log.warn("the model runtime does not answer", { "error.message": errorMessage(error) });
      fail(502, "the model runtime does not answer");
    });
    outgoing.on("response", (answer) => this.#answer(request, response, answer, observed));
    // The client went away: the runtime need not go on.
    response.on("close", () => {
      if (response.writableFinished) return;
      outgoing.destroy();
      observed?.end(499, this.#options.clock.monotonic());
    });
    request.on("error", () => outgoing.destroy());
    if (observed !== undefined) {
      if (decompressorOf(request) === undefined) observed.request.giveUp("Encoded");
      request.on("data", (piece: Buffer) => observed.request.add(piece));
    }
    request.pipe(outgoing);
    // Behind what ends the request to the runtime: it begins before anything is read here.
    if (observed !== undefined) request.on("end", () => observed.requestEnded(inputsOf(request)));
  }

  #answer(
    request: IncomingMessage,
    response: ServerResponse,
    answer: IncomingMessage,
    observed: ForeignRequest | undefined,
  ): void {
    const { statusCode = 502 } = answer;
    if (response.destroyed || response.headersSent) {
      answer.destroy();
      return;
    }
    const token = statusCode === 200 ? observed?.token(() => readAssignment(request.rawHeaders)) : undefined;
    try {
      response.writeHead(statusCode, answer.statusMessage, this.#headersOf(answer, token));
    } catch {
      // Node reads more than it writes, such as control characters behind the status, and would try those again.
      response.statusMessage = "";
      answer.destroy();
      this.#refuse(request, response, 502, "the model runtime answers with a malformed head");
      observed?.end(502, this.#options.clock.monotonic());
      return;
    }
    answer.on("error", () => response.destroy());
    answer.on("aborted", () => response.destroy());
    // The runtime is done: what is left of the answer waits for the client alone.
    answer.on("end", () =>
      response.setTimeout(this.#options.requestTimeoutMilliseconds, () => response.destroy()),
    );
    if (observed !== undefined) {
      if (decompressorOf(answer) === undefined) observed.response.giveUp("Encoded");
      answer.on("data", (piece: Buffer) => observed.response.add(piece));
      response.on("finish", () =>
        observed.end(
          statusCode,
          this.#options.clock.monotonic(),
          statusCode === 200 ? outputsOf(answer) : undefined,
        ),
      );
    }
    answer.pipe(response);
  }

  /** Where answers get tokens, no other one of the name is believed. */
  #headersOf(answer: IncomingMessage, token: string | undefined): string[] {
    const { givesTokens } = this.#options.observer;
    const passed = passedHeaders(answer, givesTokens ? PETREL_HEADER.token : undefined);
    if (token !== undefined) passed.push(PETREL_HEADER.token, token);
    return passed;
  }

  #refuse(request: IncomingMessage, response: ServerResponse, status: number, problem: string): void {
    if (response.destroyed) return;
    if (response.headersSent) {
      response.destroy();
      return;
    }
    request.unpipe();
    request.resume();
    const body = JSON.stringify({ error: problem });
    response.writeHead(status, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
      ...(request.complete ? {} : { connection: "close" }),
    });
    response.end(body);
  }
}

/** What is observed of a compressed body, once it is none: more would hold the requests beside it for too long. */
const MAXIMUM_PLAIN_BYTES = 262_144;
/** Triton compresses for every client that allows it, as browsers and fetch do. */
const DECOMPRESSORS: Readonly<Record<string, (body: Buffer) => Buffer>> = {
  identity: (body) => body,
  gzip: (body) => gunzipSync(body, { maxOutputLength: MAXIMUM_PLAIN_BYTES }),
  deflate: (body) => inflateSync(body, { maxOutputLength: MAXIMUM_PLAIN_BYTES }),
};

/** How the body of a message becomes plain; undefined where it cannot. */
function decompressorOf({ headers }: IncomingMessage): ((body: Buffer) => Buffer) | undefined {
  const encoding = headers["content-encoding"] ?? "identity";
  return Object.hasOwn(DECOMPRESSORS, encoding) ? DECOMPRESSORS[encoding] : undefined;
}

const NO_NAMES: ReadonlySet<string> = new Set();

function inputsOf(request: IncomingMessage): RequestReader {
  const jsonLength = oneOf(request, JSON_LENGTH_HEADER);
  const read = (body: Buffer, names: ReadonlySet<string>) =>
    readRestTensors(plain(request, body), jsonLength, "inputs", names);
  // Only in front of binary data the beginning has all the shapes, as text that is whole.
  const isBinary = jsonLength !== undefined && request.headers["content-encoding"] === undefined;
  return { tensors: read, rows: (head) => (isBinary ? read(head, NO_NAMES).rows : undefined) };
}

function outputsOf(answer: IncomingMessage): TensorReader {
  return (body, names) =>
    readRestTensors(plain(answer, body), oneOf(answer, JSON_LENGTH_HEADER), "outputs", names);
}

function oneOf({ headers }: IncomingMessage, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" ? value : undefined;
}

function plain(message: IncomingMessage, body: Buffer): Buffer {
  return decompressorOf(message)?.(body) ?? body;
}

/** Names and values, without those that are of one connection, and without one more. */
function passedHeaders({ rawHeaders, headers }: IncomingMessage, withheld?: string): string[] {
  const named = (headers.connection ?? "")
    .toLowerCase()
    .split(",")
    .map((name) => name.trim())
    .filter((name) => !OF_THE_MESSAGE.has(name));
  const passed: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const [name = "", value = ""] = [rawHeaders[index], rawHeaders[index + 1]];
    const lowered = name.toLowerCase();
    if (HOP_BY_HOP.has(lowered) || lowered === withheld || named.includes(lowered)) continue;
    passed.push(name, value);
  }
  return passed;
}
