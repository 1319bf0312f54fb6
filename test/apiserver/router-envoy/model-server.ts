/**
 * Stands in for a model pod: the two protocols on loopback addresses of its own, and faults on command.
 */

import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** How the server behaves. */
export type Behaviour =
  | "Good"
  /** 503 or UNAVAILABLE to everything. */
  | "Unavailable"
  /** Connections are reset, new ones and old ones. */
  | "Reset"
  /** Nothing is answered. */
  | "Hang"
  /** Ready, but every inference is answered with 503 or UNAVAILABLE. */
  | "UnavailableThoughReady"
  /** Ready, but every inference is answered with 429 or RESOURCE_EXHAUSTED. */
  | "Overloaded"
  /** Inference is good, but readiness takes longer than any check waits. */
  | "SlowReady";

/** Ports of all model servers of a test. They differ by address. */
export interface ModelServerPorts {
  readonly rest: number;
  readonly grpc: number;
}

/** `grpc.health.v1.HealthCheckResponse{status: SERVING}` in its gRPC frame. */
const SERVING_FRAME = Buffer.from([0, 0, 0, 0, 2, 8, 1]);
const EMPTY_FRAME = Buffer.from([0, 0, 0, 0, 0]);

const GRPC_STATUS: Readonly<Partial<Record<Behaviour, number>>> = {
  Unavailable: 14,
  UnavailableThoughReady: 14,
  Overloaded: 8,
};
const HTTP_STATUS: Readonly<Partial<Record<Behaviour, number>>> = {
  Unavailable: 503,
  UnavailableThoughReady: 503,
  Overloaded: 429,
};

/** One stand-in. */
export class ModelServer {
  readonly ip: string;
  /** Inferences that reached it, answered or not. */
  inferences = 0;
  /** Headers of the last inference. */
  lastHeaders: Readonly<Record<string, string | string[] | undefined>> = {};
  behaviour: Behaviour = "Good";
  /** Time that an inference takes. */
  serviceMilliseconds = 0;
  /** Inferences at a time. */
  slots = Number.POSITIVE_INFINITY;
  /** Inferences that may wait for a slot; a further one is answered with 429 at once. */
  places = 0;
  #underWay = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #rest: Server;
  readonly #grpc: Http2Server;
  readonly #sockets = new Set<Socket>();

  private constructor(ip: string) {
    this.ip = ip;
    // More than Envoy lets through, so that a refusal is Envoy's.
    this.#rest = createServer({ maxHeaderSize: 65_536 }, (request, response) => {
      // A request that was broken off needs no answer.
      this.#answerRest(request, response).catch(() => response.destroy());
    });
    this.#grpc = createHttp2Server();
    this.#grpc.on("stream", (stream, headers) => this.#answerGrpc(stream, headers));
    this.#grpc.on("sessionError", () => {});
    for (const server of [this.#rest, this.#grpc]) {
      server.on("connection", (socket: Socket) => {
        this.#sockets.add(socket);
        socket.on("close", () => this.#sockets.delete(socket)).on("error", () => {});
        if (this.behaviour === "Reset") socket.resetAndDestroy();
      });
    }
  }

  /** Starts one on an address. */
  static async start(ip: string, ports: ModelServerPorts): Promise<ModelServer> {
    const server = new ModelServer(ip);
    await new Promise<void>((resolve) => server.#rest.listen(ports.rest, ip, resolve));
    await new Promise<void>((resolve) => server.#grpc.listen(ports.grpc, ip, resolve));
    return server;
  }

  /** Changes the behaviour, for requests under way as well where that is possible. */
  become(behaviour: Behaviour): void {
    this.behaviour = behaviour;
    if (behaviour === "Reset") for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Ends it. */
  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(
      [this.#rest, this.#grpc].map((server) => new Promise((resolve) => server.close(resolve))),
    );
  }

  async #answerRest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const isHealth = request.url === "/v2/health/ready";
    if (!isHealth) {
      this.inferences += 1;
      this.lastHeaders = request.headers;
    }
    let bodyBytes = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) bodyBytes += chunk.length;
    const { behaviour } = this;
    if (behaviour === "Hang" || (isHealth && behaviour === "SlowReady")) return;
    const isBad = isHealth ? behaviour === "Unavailable" : HTTP_STATUS[behaviour] !== undefined;
    const isFull = !isHealth && this.#underWay >= this.slots + this.places;
    if (!isHealth && !isFull) await this.#compute();
    const status = isFull ? 429 : isBad ? (HTTP_STATUS[behaviour] ?? 503) : 200;
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ ip: this.ip, bodyBytes }));
  }

  async #compute(): Promise<void> {
    if (this.serviceMilliseconds === 0) return;
    this.#underWay += 1;
    if (this.#underWay > this.slots) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    await delay(this.serviceMilliseconds);
    this.#underWay -= 1;
    // Who goes leaves the slot to the first that waits.
    this.#waiting.shift()?.();
  }

  #answerGrpc(
    stream: ServerHttp2Stream,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    const isHealth = headers[":path"] === "/grpc.health.v1.Health/Check";
    if (!isHealth) {
      this.inferences += 1;
      this.lastHeaders = headers;
    }
    const { behaviour } = this;
    stream.on("error", () => {}).resume();
    if (behaviour === "Hang" || (isHealth && behaviour === "SlowReady")) return;
    const status = isHealth && behaviour !== "Unavailable" ? undefined : GRPC_STATUS[behaviour];
    const head = { ":status": 200, "content-type": "application/grpc" };
    if (status !== undefined) {
      // Trailers only, as gRPC servers answer an error.
      stream.respond({ ...head, "grpc-status": String(status) }, { endStream: true });
      return;
    }
    if (isHealth) answerGood(stream, head, SERVING_FRAME);
    else void this.#compute().then(() => answerGood(stream, { ...head, "x-ip": this.ip }, EMPTY_FRAME));
  }
}

function answerGood(stream: ServerHttp2Stream, head: OutgoingHttpHeaders, message: Buffer): void {
  if (stream.destroyed) return;
  stream.respond(head, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(message);
}
