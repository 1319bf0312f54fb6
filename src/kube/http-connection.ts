/**
 * HTTP/1.1 to one API server: kept-alive connections for calls, a connection of its own for each watch.
 *
 * Every wait is bounded, so that a server that is half there (accepts, then says nothing) costs time and not
 * the caller. It knows nothing of Kubernetes but how errors are told. It must never follow a redirect: the
 * credentials are for this server alone.
 */
import http, { type ClientRequest, type IncomingMessage } from "node:http";
import https from "node:https";
import type { Clock } from "../core/clock.ts";
import type { Credentials, Endpoint } from "./endpoint.ts";
import { KubeError } from "./port.ts";

/** One request. */
export interface HttpCall {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path and query. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** `application/json` unless set. */
  readonly contentType?: string;
}

/** Bounds of one exchange. */
export interface ExchangeBounds {
  /** From the start of the request to the last byte of the answer. */
  readonly timeoutMilliseconds: number;
  /** Longest body that is read. */
  readonly maximumBytes: number;
}

/** A whole answer. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** What an {@link HttpConnection} needs. */
export interface HttpConnectionOptions {
  readonly endpoint: Endpoint;
  readonly clock: Clock;
  /** Names the program to the API server, which logs and counts by it. */
  readonly userAgent: string;
}

/**
 * Idle time after which the kernel asks whether the peer is still there. Node then asks ten times, one second
 * apart, so a vanished peer is noticed after about 40 s.
 */
const KEEP_ALIVE_MILLISECONDS = 30_000;
/** Calls that one connection runs at the same time; further ones wait in the agent. */
export const MAXIMUM_CALL_SOCKETS = 32;

/**
 * Exchanges with one API server. Every method rejects with {@link KubeError} of status 0 when no answer
 * comes.
 */
export class HttpConnection {
  readonly #options: HttpConnectionOptions;
  readonly #callAgent: http.Agent;
  readonly #watchAgent: http.Agent;

  constructor(options: HttpConnectionOptions) {
    this.#options = options;
    const Agent = options.endpoint.server.protocol === "https:" ? https.Agent : http.Agent;
    this.#callAgent = new Agent({ keepAlive: true, maxSockets: MAXIMUM_CALL_SOCKETS });
    this.#watchAgent = new Agent({ keepAlive: false });
  }

  /** One request and its whole answer, of whatever status. */
  async exchange(call: HttpCall, bounds: ExchangeBounds): Promise<HttpAnswer> {
    const deadline = this.#deadline(call, bounds.timeoutMilliseconds);
    try {
      const response = await this.#send(call, this.#callAgent, deadline.signal, true);
      const body = await readBody(response, bounds.maximumBytes, deadline.signal);
      return { status: response.statusCode ?? 0, headers: response.headers, body };
    } catch (error) {
      throw deadline.signal.aborted ? deadline.signal.reason : noAnswer(call, error);
    } finally {
      deadline.cancel();
    }
  }

  /**
   * Starts a request whose answer is a stream, and resolves at the answer's head. The bound is on the wait
   * for the head; `signal` ends the request and then the stream.
   */
  async open(call: HttpCall, timeoutMilliseconds: number, signal: AbortSignal): Promise<IncomingMessage> {
    const deadline = this.#deadline(call, timeoutMilliseconds);
    try {
      const either = AbortSignal.any([deadline.signal, signal]);
      const response = await this.#send(call, this.#watchAgent, either, false);
      const end = () => response.destroy();
      signal.addEventListener("abort", end, { once: true });
      response.once("close", () => signal.removeEventListener("abort", end));
      return response;
    } catch (error) {
      throw deadline.signal.aborted ? deadline.signal.reason : noAnswer(call, error);
    } finally {
      deadline.cancel();
    }
  }

  /** Closes idle connections. Requests that run are not touched. */
  close(): void {
    this.#callAgent.destroy();
    this.#watchAgent.destroy();
  }

  #deadline(call: HttpCall, milliseconds: number): { readonly signal: AbortSignal; cancel(): void } {
    const controller = new AbortController();
    const cancel = this.#options.clock.schedule(milliseconds, () => {
      controller.abort(noAnswer(call, new Error(`no complete answer within ${milliseconds} ms`)));
    });
    return { signal: controller.signal, cancel };
  }

  async #send(
    call: HttpCall,
    agent: http.Agent,
    signal: AbortSignal,
    mayRepeat: boolean,
  ): Promise<IncomingMessage> {
    // A plugin that a kubeconfig names may hang as well as a server.
    const credentials = await orAborted(this.#options.endpoint.credentials(), signal);
    const request = this.#start(call, credentials.proxyAgent ?? agent, credentials);
    try {
      return await responseOf(request, signal);
    } catch (error) {
      // The server may close an idle connection in the moment in which it is taken for a new request. A read
      // can be sent again without a second effect; a write is left to the caller, who looks before it
      // repeats.
      if (mayRepeat && call.method === "GET" && request.reusedSocket && !signal.aborted) {
        return await this.#send(call, agent, signal, false);
      }
      throw error;
    }
  }

  #start(call: HttpCall, agent: http.Agent, credentials: Credentials): ClientRequest {
    const { endpoint, userAgent } = this.#options;
    const { server } = endpoint;
    const body = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body));
    const options: https.RequestOptions = {
      ...credentials.tls,
      protocol: server.protocol,
      host: server.hostname.replace(/^\[|\]$/g, ""),
      port: server.port === "" ? (server.protocol === "https:" ? 443 : 80) : server.port,
      method: call.method,
      // A server behind a gateway may live under a path (`https://gateway/k8s/clusters/c-1`).
      path: server.pathname.replace(/\/$/, "") + call.path,
      agent,
      headers: {
        ...credentials.headers,
        accept: "application/json",
        "user-agent": userAgent,
        ...(body === undefined
          ? {}
          : { "content-type": call.contentType ?? "application/json", "content-length": body.byteLength }),
      },
    };
    const request = server.protocol === "https:" ? https.request(options) : http.request(options);
    request.once("socket", (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MILLISECONDS));
    request.end(body);
    return request;
  }
}

function orAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    if (signal.aborted) reject(signal.reason);
    promise.then(resolve, reject);
  });
}

function responseOf(request: ClientRequest, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const abort = () => request.destroy(new Error("aborted"));
    // The listener stays: an error after the answer's head is told by the response, and must not be unhandled
    // here.
    request.on("error", (error) => {
      signal.removeEventListener("abort", abort);
      reject(error);
    });
    request.once("response", (response) => {
      signal.removeEventListener("abort", abort);
      resolve(response);
    });
    signal.addEventListener("abort", abort, { once: true });
  });
}

/** Reads a whole body; destroys the connection when it is too long or takes too long. */
export async function readBody(
  response: IncomingMessage,
  maximumBytes: number,
  signal: AbortSignal,
): Promise<string> {
  const abort = () => response.destroy(new Error("aborted"));
  signal.addEventListener("abort", abort, { once: true });
  const parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const part of response) {
      length += part.byteLength;
      if (length > maximumBytes) throw new Error(`the answer is longer than ${maximumBytes} bytes`);
      parts.push(part);
    }
  } finally {
    signal.removeEventListener("abort", abort);
  }
  return Buffer.concat(parts).toString("utf8");
}

/** Wraps whatever went wrong below HTTP. Keeps a {@link KubeError} as it is. */
export function noAnswer(call: HttpCall, error: unknown): KubeError {
  if (error instanceof KubeError) return error;
  const path = call.path.replace(/\?.*/, "");
  const message = error instanceof Error ? error.message : String(error);
  const wrapped = new KubeError(0, "NoAnswer", `${call.method} ${path}: ${message}`);
  wrapped.cause = error;
  return wrapped;
}
