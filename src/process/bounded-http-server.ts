/**
 * A node:http server with every bound set: header bytes and count, time for headers, for a whole request and
 * for idle connections, and the number of connections. What is not even HTTP gets a JSON error like any other.
 */
import { createServer, type RequestListener, type Server, STATUS_CODES } from "node:http";
import type { AddressInfo, Server as NetServer } from "node:net";

/** Bounds of a server. */
export interface HttpLimits {
  readonly maximumConnections: number;
  /** For the headers and the whole body of one request. */
  readonly requestTimeoutMilliseconds: number;
}

const MAXIMUM_HEADER_BYTES = 16_384;
const MAXIMUM_HEADERS = 100;
const HEADERS_TIMEOUT_MILLISECONDS = 10_000;
/**
 * Well above the 4 s after which the routers' Envoy gives up an idle connection, and the minute of common load
 * balancers: when the server closes first, a request that is just being sent is lost.
 */
const KEEP_ALIVE_TIMEOUT_MILLISECONDS = 75_000;

/** Errors of Node's parser that have a status of their own. */
const STATUS_BY_ERROR_CODE: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** Makes a server that does not listen yet. */
export function createBoundedServer(limits: HttpLimits, listener: RequestListener): Server {
  const server = createServer({
    maxHeaderSize: MAXIMUM_HEADER_BYTES,
    headersTimeout: Math.min(HEADERS_TIMEOUT_MILLISECONDS, limits.requestTimeoutMilliseconds),
    requestTimeout: limits.requestTimeoutMilliseconds,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MILLISECONDS,
    connectionsCheckingInterval: 1_000,
  });
  server.maxHeadersCount = MAXIMUM_HEADERS;
  server.maxConnections = limits.maximumConnections;
  server.on("request", listener);
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable || error.code === "ECONNRESET") {
      socket.destroy();
      return;
    }
    const status = STATUS_BY_ERROR_CODE[error.code ?? ""] ?? 400;
    const body = JSON.stringify({ error: STATUS_CODES[status] ?? "Bad Request" });
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  });
  return server;
}

/** Listens and gives the port, which the system chooses when it is 0. */
export function listen(server: NetServer, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      const address: AddressInfo | string | null = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

/** Stops listening; resolves once every connection has ended. */
export function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}
