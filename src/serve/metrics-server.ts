/**
 * Shows the metrics on `/metrics`, on a port of its own, so that scraping is never behind a full queue and the
 * port that clients reach does not show it.
 */
import type { Server } from "node:http";
import type { Registry } from "prom-client";
import { close, createBoundedServer, listen } from "./bounded-http-server.ts";

const LIMITS = { maximumConnections: 64, requestTimeoutMilliseconds: 10_000 };

/** The metrics server. */
export class MetricsServer {
  readonly #server: Server;

  constructor(registry: Registry) {
    this.#server = createBoundedServer(LIMITS, (request, response) => {
      if (request.url?.split("?", 1)[0] !== "/metrics") {
        response.writeHead(404, { "content-type": "application/json" }).end('{"error":"unknown path"}');
        return;
      }
      registry.metrics().then(
        (text) => response.writeHead(200, { "content-type": registry.contentType }).end(text),
        () =>
          response.writeHead(500, { "content-type": "application/json" }).end('{"error":"internal error"}'),
      );
    });
  }

  /** Starts to listen and gives the port. */
  listen(host: string, port: number): Promise<number> {
    return listen(this.#server, host, port);
  }

  /** Ends every connection and stops. */
  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await close(this.#server);
  }
}
