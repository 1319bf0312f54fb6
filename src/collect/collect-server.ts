/**
 * The two HTTP servers of the collector. Clients reach the one with feedback through the routers; the other is for the
 * parts of Petrel, which show an access token: the access log comes in there and evidence goes out.
 *
 * Header, body, time and connections are bounded, every refusal is `{"error": ...}` and says what was expected, and no
 * answer of an error holds what only the log may say.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Logger } from "../core/log.ts";
import { BoundedBody } from "../process/bounded-body.ts";
import { createBoundedServer } from "../process/bounded-http-server.ts";
import { SHADOW_SIGNATURE_HEADER } from "../tap/shadow-report.ts";
import { CollectError, malformed, quoted, REFUSALS } from "./collect-error.ts";
import type { Collector } from "./collector.ts";
import { evidenceWish } from "./evidence-wish.ts";

/** Bounds and secrets of the servers. */
export interface CollectServerOptions {
  readonly collector: Collector;
  readonly log: Logger;
  readonly maximumBodyBytes: number;
  readonly maximumConnections: number;
  readonly requestTimeoutMilliseconds: number;
  /** Any of these opens the internal server; asked for each request, for they change. */
  readonly accessTokens: () => readonly string[];
}

/** The signal says that the client has gone. */
type Handler = (
  body: string,
  url: URL,
  signal: AbortSignal,
  headers: IncomingHttpHeaders,
) => Promise<unknown> | unknown;
type Routes = Readonly<Record<string, Readonly<Record<string, Handler>>>>;

/**
 * The server for clients: `POST /feedback`. Model servers post reports of mirrored requests there, which are signed; routers
 * let no client get at these.
 */
export function feedbackServer(options: CollectServerOptions) {
  const { collector } = options;
  return serverOf(options, {
    "/feedback": { POST: async (body) => ({ results: await collector.feedback(body, true) }) },
    "/shadow": {
      POST: (body, _url, _signal, headers) =>
        collector.mirrored.take(body, String(headers[SHADOW_SIGNATURE_HEADER] ?? "")),
    },
  });
}

/** The server for the parts of Petrel. */
export function internalServer(options: CollectServerOptions) {
  const { collector } = options;
  return serverOf(
    options,
    {
      "/feedback": { POST: async (body) => ({ results: await collector.feedback(body, false) }) },
      "/impressions": { POST: (body) => collector.impressions(body) },
      "/impressions/ended": {
        POST: async (body) => {
          await collector.end(body);
          return { acknowledged: true };
        },
      },
      "/evidence": {
        GET: (_, { searchParams }, signal) =>
          collector.evidence(searchParams.get("deployment") ?? "", {
            ...evidenceWish(searchParams),
            signal,
          }),
      },
      "/scores": {
        GET: (_, { searchParams }, signal) => {
          const { from, to } = evidenceWish(searchParams);
          return collector.scores(searchParams.get("deployment") ?? "", {
            ...(from === undefined ? {} : { from }),
            ...(to === undefined ? {} : { to }),
            signal,
          });
        },
      },
      "/shadow": {
        GET: (_, { searchParams }) =>
          collector.shadowEvidence(
            searchParams.get("deployment") ?? "",
            evidenceWish(searchParams).epochs ?? [],
          ),
      },
      "/anomalies": { GET: () => collector.anomalies() },
    },
    (request) => requireAccess(request, options.accessTokens()),
  );
}

function serverOf(
  options: CollectServerOptions,
  routes: Routes,
  check: (request: IncomingMessage) => void = () => {},
) {
  const listener: RequestListener = (request, response) => {
    respond(request, response, options, routes, check).catch((error: unknown) => {
      options.log.error("cannot answer", { error });
      response.destroy();
    });
  };
  return createBoundedServer(
    {
      maximumConnections: options.maximumConnections,
      requestTimeoutMilliseconds: options.requestTimeoutMilliseconds,
    },
    listener,
  );
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  options: CollectServerOptions,
  routes: Routes,
  check: (request: IncomingMessage) => void,
): Promise<void> {
  try {
    check(request);
    const url = urlOf(request.url);
    const handler = handlerOf(routes, url.pathname, request.method ?? "");
    const body = request.method === "POST" ? await bodyOf(request, options.maximumBodyBytes) : "";
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    send(response, 200, await handler(body, url, gone.signal, request.headers));
  } catch (error) {
    const refusal =
      error instanceof CollectError
        ? error
        : new CollectError("Internal", "internal error", { cause: error });
    if (refusal.reason === "Internal") options.log.error("internal error", { error });
    options.collector.metrics.refused(refusal.reason);
    // What is left of a body that nobody reads must not be taken for the next request.
    if (!request.complete) response.setHeader("connection", "close");
    if (refusal.reason === "Overloaded") response.setHeader("retry-after", "1");
    if (refusal.reason === "MethodNotAllowed") {
      response.setHeader("allow", Object.keys(routes[urlOf(request.url).pathname] ?? {}).join(", "));
    }
    if (refusal.reason === "Unauthorized") response.setHeader("www-authenticate", "Bearer");
    send(response, REFUSALS[refusal.reason], { error: refusal.message });
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (response.destroyed) return;
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
  });
  response.end(text);
}

function urlOf(path: string | undefined): URL {
  const url = URL.parse(path ?? "/", "http://collector");
  if (url === null) throw malformed("expected a path");
  return url;
}

function handlerOf(routes: Routes, path: string, method: string): Handler {
  const methods = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (methods === undefined) {
    throw new CollectError(
      "NotFound",
      `expected one of ${Object.keys(routes).join(", ")}, got ${quoted(path)}`,
    );
  }
  const handler = Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (handler === undefined) {
    throw new CollectError("MethodNotAllowed", `expected ${Object.keys(methods).join(", ")}, got ${method}`);
  }
  return handler;
}

function bodyOf(request: IncomingMessage, maximumBytes: number): Promise<string> {
  const { "content-encoding": encoding = "identity", "content-length": length = "0" } = request.headers;
  if (encoding !== "identity") {
    throw new CollectError(
      "UnsupportedEncoding",
      `expected a body without encoding, got ${quoted(encoding)}`,
    );
  }
  const tooLarge = () => new CollectError("TooLarge", `expected a body of at most ${maximumBytes} bytes`);
  if (Number(length) > maximumBytes) throw tooLarge();
  const body = new BoundedBody(maximumBytes, tooLarge);
  return new Promise((resolve, reject) => {
    request.on("data", (chunk: Buffer) => {
      try {
        body.add(chunk);
      } catch (error) {
        request.pause();
        reject(error);
      }
    });
    request.on("end", () => resolve(body.whole().toString("utf8")));
    request.on("error", () => reject(new CollectError("Timeout", "expected a whole body")));
    request.on("close", () => reject(new CollectError("Timeout", "expected a whole body")));
  });
}

function requireAccess(request: IncomingMessage, tokens: readonly string[]): void {
  const [scheme, shown = ""] = (request.headers.authorization ?? "").split(" ");
  const digest = (text: string) => createHash("sha256").update(text).digest();
  const given = digest(shown);
  const isKnown = tokens.reduce((known, token) => timingSafeEqual(given, digest(token)) || known, false);
  if (scheme !== "Bearer" || !isKnown) {
    throw new CollectError("Unauthorized", "expected the header Authorization: Bearer with an access token");
  }
}
