/**
 * The router's own HTTP: liveness, start, readiness, metrics. Liveness never depends on the API server or on Envoy:
 * restarting this process mends neither.
 */
import { createServer, type Server } from "node:http";
import type { Registry } from "prom-client";
import { errorMessage } from "../core/log.ts";
import type { RouterStatus } from "./router.ts";

/** What the server tells. */
export interface StatusServerOptions {
  readonly port: number;
  readonly registry: Registry;
  readonly status: () => RouterStatus;
}

/** Starts the server; resolves once it listens. */
export function startStatusServer({ port, registry, status }: StatusServerOptions): Promise<Server> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 }, (request, response) => {
    request.resume();
    const reply: Reply = (code, body, contentType = "text/plain; charset=utf-8") =>
      response.writeHead(code, { "content-type": contentType }).end(body);
    // A metric that cannot be read must not end the process.
    answer(request.url, { registry, status }, reply).catch((error: unknown) =>
      reply(500, `${errorMessage(error)}\n`),
    );
  });
  server.maxConnections = 100;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, () => resolve(server));
  });
}

type Reply = (code: number, body: string, contentType?: string) => void;

async function answer(
  path: string | undefined,
  { registry, status }: Omit<StatusServerOptions, "port">,
  reply: Reply,
): Promise<void> {
  switch (path) {
    case "/healthz":
      return reply(200, "ok\n");
    case "/startupz":
      return status().isStarted ? reply(200, "ok\n") : reply(503, "the API has not been seen yet\n");
    case "/readyz":
      return status().isReady ? reply(200, "ok\n") : reply(503, `${status().state}: not ready\n`);
    case "/metrics":
      return reply(200, await registry.metrics(), registry.contentType);
    default:
      return reply(404, "not found\n");
  }
}
