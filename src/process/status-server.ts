/**
 * The HTTP server that a program of Petrel has for the cluster around it: liveness, readiness, metrics.
 *
 * `/healthz` answers as long as the event loop turns and depends on nothing else: a cluster whose API server is
 * away must not restart its operators and routers. Every wait and size is bounded, and what goes wrong in one
 * request must never end the process.
 */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { Registry } from "prom-client";
import { errorMessage } from "../core/log.ts";
import { type Wait, WaitingClients } from "./waiting-clients.ts";

/** Whether a condition holds: undefined when it does, else why not, for a person. */
export type StatusCheck = () => string | undefined;

/** A text in JSON; undefined where there is nothing for the query. */
export type Document = (query: URLSearchParams) => string | undefined;

/** What the server tells. */
export interface StatusServerOptions {
  /** The address to listen on; all of them when it is left out. */
  readonly host?: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Shown on `/metrics`. */
  readonly registry: Registry;
  /** By path, such as `/readyz`: 200 while the check holds, else 503. */
  readonly checks: Readonly<Record<string, StatusCheck>>;
  /**
   * By path: answered with 200 once it has resolved, or with 503 when the client has to give way to others
   * ({@link WaitingClients}). Each must bound its own time.
   */
  readonly waits?: Readonly<Record<string, Wait>>;
  /** By path: what is answered to a query, in JSON. Each must be quick, and hold nothing that not everybody may read. */
  readonly documents?: Readonly<Record<string, Document>>;
}

/** A server that listens. */
export interface StatusServer {
  readonly port: number;
  /** Ends every connection and stops. */
  close(): Promise<void>;
}

const MAXIMUM_CONNECTIONS = 100;
const MAXIMUM_HEADER_BYTES = 8_192;
const TEXT = "text/plain; charset=utf-8";
const JSON_TYPE = "application/json";

interface Answer {
  readonly code: number;
  readonly body: string;
  readonly contentType?: string;
  readonly allow?: string;
}

/** Starts the server; resolves once it listens. */
export function startStatusServer(options: StatusServerOptions): Promise<StatusServer> {
  const waiting = new WaitingClients();
  const server = createServer(
    {
      requestTimeout: 10_000,
      headersTimeout: 5_000,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: MAXIMUM_HEADER_BYTES,
    },
    (request, response) => {
      request.resume();
      answer(request, options, waiting)
        .catch((error: unknown): Answer => ({ code: 500, body: `${errorMessage(error)}\n` }))
        .then(({ code, body, contentType = TEXT, allow }) => {
          const headers = { "content-type": contentType, ...(allow === undefined ? {} : { allow }) };
          response.writeHead(code, headers).end(body);
        });
    },
  );
  server.maxConnections = MAXIMUM_CONNECTIONS;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => {
      server.off("error", reject);
      resolve({ port: portOf(server), close: () => close(server) });
    });
  });
}

async function answer(
  request: IncomingMessage,
  { registry, checks, waits = {}, documents = {} }: StatusServerOptions,
  waiting: WaitingClients,
): Promise<Answer> {
  const { method = "", url = "/" } = request;
  if (method !== "GET" && method !== "HEAD") {
    return { code: 405, body: `expected GET, got ${method}\n`, allow: "GET, HEAD" };
  }
  const [path = "/", query = ""] = url.split("?", 2);
  if (path === "/healthz") return { code: 200, body: "ok\n" };
  if (path === "/metrics") {
    return { code: 200, body: await registry.metrics(), contentType: registry.contentType };
  }
  const wait = Object.hasOwn(waits, path) ? waits[path] : undefined;
  if (wait !== undefined) {
    const hasCome = await waiting.wait(request.socket, wait);
    return hasCome ? { code: 200, body: "ok\n" } : { code: 503, body: "too many wait\n" };
  }
  const document = Object.hasOwn(documents, path) ? documents[path] : undefined;
  if (document !== undefined) {
    const body = document(new URLSearchParams(query));
    return body === undefined
      ? { code: 404, body: "not found\n" }
      : { code: 200, body, contentType: JSON_TYPE };
  }
  const check = Object.hasOwn(checks, path) ? checks[path] : undefined;
  if (check === undefined) return { code: 404, body: "not found\n" };
  const problem = check();
  return problem === undefined ? { code: 200, body: "ok\n" } : { code: 503, body: `${problem}\n` };
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
