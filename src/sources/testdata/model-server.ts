/**
 * A real HTTP server on a loopback port for tests: serves a file as a good server does, or breaks off,
 * stalls and lies as bad ones do. Never part of a program.
 */
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import https from "node:https";

/** Answers one request. `requestNumber` counts from 1. */
export type Answer = (request: IncomingMessage, response: ServerResponse, requestNumber: number) => void;

/** A running server. */
export interface ModelServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT/model.onnx`, or https. */
  readonly url: string;
  /** All requests so far. */
  readonly requests: readonly IncomingMessage[];
}

/** Starts a server on a free port of 127.0.0.1; over TLS when a key and certificate are given. */
export async function startModelServer(
  answer: Answer,
  tls?: { key: string; cert: string },
): Promise<ModelServer> {
  const requests: IncomingMessage[] = [];
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    requests.push(request);
    response.on("error", () => {});
    answer(request, response, requests.length);
  };
  const server = tls === undefined ? http.createServer(listener) : https.createServer(tls, listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${address.port}/model.onnx`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** How {@link serveFile} serves. */
export interface FileBehaviour {
  /** The ETag header; none by default. */
  readonly etag?: string;
  /** Whether `Range` is understood; true by default. */
  readonly ranges?: boolean;
  /** Bytes of body after which the connection is cut, so that at most these arrive; never by default. */
  readonly cutAfterBytes?: number;
  /** Says no length (chunked). */
  readonly withoutLength?: boolean;
}

/** Serves bytes as RFC 9110 asks, `Range` and `If-Range` included, or cut off. */
export function serveFile(bytes: Uint8Array, behaviour: FileBehaviour = {}): Answer {
  const { etag, ranges = true, cutAfterBytes, withoutLength = false } = behaviour;
  return (request, response) => {
    const first = /^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1];
    const condition = request.headers["if-range"];
    const partial = ranges && first !== undefined && (condition === undefined || condition === etag);
    const offset = partial ? Number(first) : 0;
    if (etag !== undefined) response.setHeader("etag", etag);
    if (partial && offset >= bytes.byteLength) {
      response.writeHead(416, { "content-range": `bytes */${bytes.byteLength}` }).end();
      return;
    }
    const body = bytes.subarray(offset);
    if (partial) {
      response.setHeader("content-range", `bytes ${offset}-${bytes.byteLength - 1}/${bytes.byteLength}`);
    }
    if (!withoutLength) response.setHeader("content-length", body.byteLength);
    response.writeHead(partial ? 206 : 200);
    if (cutAfterBytes === undefined || cutAfterBytes >= body.byteLength) {
      response.end(body);
    } else {
      response.write(body.subarray(0, cutAfterBytes), () => response.destroy());
    }
  };
}
