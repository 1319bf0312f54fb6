/**
 * The operator's own HTTP: liveness, readiness, metrics. Liveness never depends on the API server: a cluster
 * without one must not restart its operators.
 */
import { createServer, type Server } from "node:http";
import type { Registry } from "prom-client";
import { errorMessage } from "../core/log.ts";

/** What the server tells. */
export interface StatusServerOptions {
  readonly port: number;
  readonly registry: Registry;
  /** Whether all caches have seen what exists. */
  readonly isReady: () => boolean;
}

/** Starts the server; resolves once it listens. */
export function startStatusServer({ port, registry, isReady }: StatusServerOptions): Promise<Server> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 }, (request, response) => {
    request.resume();
    const reply: Reply = (code, body, contentType = "text/plain; charset=utf-8") =>
      response.writeHead(code, { "content-type": contentType }).end(body);
    // A metric that cannot be read must not end the process.
    answer(request.url, { registry, isReady }, reply).catch((error: unknown) =>
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
  { registry, isReady }: Omit<StatusServerOptions, "port">,
  reply: Reply,
): Promise<void> {
  switch (path) {
    case "/healthz":
      return reply(200, "ok\n");
    case "/readyz":
      return isReady() ? reply(200, "ok\n") : reply(503, "the caches are not filled yet\n");
    case "/metrics":
      return reply(200, await registry.metrics(), registry.contentType);
    default:
      return reply(404, "not found\n");
  }
}
