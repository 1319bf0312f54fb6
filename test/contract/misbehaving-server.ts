/**
 * An HTTP server on loopback that answers as a test tells it, and remembers what it was asked: the peer of the
 * transport for every fault that a network or a proxy can have.
 */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { Socket } from "node:net";
import type { KubeObject } from "../../src/api/kube-object.ts";
import { RESOURCE } from "../../src/api/kube-resources.ts";
import type { Endpoint } from "../../src/kube/endpoint.ts";
import { KubeError } from "../../src/kube/port.ts";

/** Answers one request, or does something worse. */
export type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** A request as it came in. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** The server. Each test starts one of its own. */
export class MisbehavingServer {
  readonly seen: SeenRequest[] = [];
  handle: Handler = () => {};
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #tokens = 0;

  constructor() {
    this.#server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        const { method = "", url = "", headers } = request;
        const body = Buffer.concat(parts).toString("utf8");
        this.seen.push({ method, url, headers, body });
        this.handle(request, response, body);
      });
    });
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#sockets.size;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  /** Stops listening and breaks every connection. */
  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** This server, with another token at each request. */
  endpoint(): Endpoint {
    const address = this.#server.address();
    if (typeof address !== "object" || address === null) throw new Error("the server does not listen");
    return {
      server: new URL(`http://127.0.0.1:${address.port}`),
      namespace: undefined,
      credentials: async () => {
        this.#tokens += 1;
        const headers = { authorization: `Bearer token-${this.#tokens}` };
        return { headers, tls: { rejectUnauthorized: true } };
      },
    };
  }
}

/** A Lease as the API server would send it. */
export function leaseAnswer(metadata: object = {}, spec: object = {}): KubeObject {
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "a", namespace: "ns", resourceVersion: "7", ...metadata },
    spec,
  };
}

/** Names the Lease of {@link leaseAnswer}. */
export const LEASE_REFERENCE = { resource: RESOURCE.lease, namespace: "ns", name: "a" };

/** Sends a whole answer. */
export function answer(response: ServerResponse, status: number, body: unknown, headers = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(typeof body === "string" ? body : JSON.stringify(body));
}

/** The error that a call ends in. Throws when it succeeds or ends in any other error. */
export async function kubeErrorOf(call: Promise<unknown>): Promise<KubeError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof KubeError) return error;
    throw error;
  }
  throw new Error("the call succeeded");
}
