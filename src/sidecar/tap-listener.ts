/**
 * The Unix socket on which model servers tell of their requests. What comes is not trusted: a connection that says
 * something else than a greeting and events is ended, and counted.
 */
import { chmodSync, lstatSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import type { Logger } from "../core/log.ts";
import { FrameStream } from "../tap/frame-stream.ts";
import {
  emptyEvent,
  FRAME_KIND,
  KIND_OFFSET,
  readEvent,
  readGreeting,
  SEQUENCES,
  type TapEvent,
} from "../tap/tap-event.ts";
import type { EventSource } from "./observed-model.ts";

/** What is shown of the socket. */
export interface TapCounts {
  readonly connections: number;
  /** Events that senders had to drop while they were connected. */
  readonly missed: number;
  /** Connections that were ended for what they said. */
  readonly malformed: number;
}

/** Old and new model servers of one pod; more are refused. */
const MAXIMUM_CONNECTIONS = 8;
/** The pod's containers share a group. */
const SOCKET_MODE = 0o660;

/** The listener. */
export class TapListener implements TapCounts {
  readonly #path: string;
  readonly #log: Logger;
  readonly #taker: (source: EventSource) => (event: TapEvent) => void;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Filled again with each event of any connection, for nothing waits in the middle. */
  readonly #event = emptyEvent();
  missed = 0;
  malformed = 0;

  constructor(path: string, log: Logger, taker: (source: EventSource) => (event: TapEvent) => void) {
    this.#path = path;
    this.#log = log;
    this.#taker = taker;
    this.#server = createServer((socket) => this.#connected(socket));
    this.#server.maxConnections = MAXIMUM_CONNECTIONS;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /**
   * Listens. A socket that a killed sidecar left is taken away.
   *
   * @throws {Error} when something else is there, or the folder cannot be written.
   */
  async listen(): Promise<void> {
    const stats = lstatSync(this.#path, { throwIfNoEntry: false });
    if (stats?.isSocket() === false) throw new Error(`expected a Unix socket or nothing at ${this.#path}`);
    if (stats !== undefined) rmSync(this.#path);
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.#path, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    chmodSync(this.#path, SOCKET_MODE);
  }

  /** Ends every connection; senders come back at once. */
  disconnect(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Ends every connection and takes the socket away. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.disconnect();
    });
  }

  #connected(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    // The other end is gone; it connects again.
    socket.on("error", () => socket.destroy());
    const stream = this.#stream();
    socket.on("data", (piece) => {
      if (stream.push(piece)) return;
      this.malformed++;
      this.#log.warn("a tap that says what no model server says is ended", {
        "petrel.tap.malformed": this.malformed,
      });
      socket.destroy();
    });
  }

  #stream(): FrameStream {
    let take: ((event: TapEvent) => void) | undefined;
    let expected = 0;
    const event = this.#event;
    return new FrameStream((view, start, end) => {
      const kind = view.getUint8(start + KIND_OFFSET);
      if (take === undefined) {
        if (kind !== FRAME_KIND.greeting) return false;
        const greeting = readGreeting(Buffer.from(view.buffer, view.byteOffset + start, end - start));
        if (greeting === undefined) return false;
        expected = greeting.sequence;
        take = this.#taker(greeting);
        return true;
      }
      if (kind !== FRAME_KIND.event || !readEvent(view, start, end, event)) return false;
      const gap = (event.sequence - expected + SEQUENCES) % SEQUENCES;
      // One from the past is no gap.
      if (gap < SEQUENCES / 2) this.missed += gap;
      expected = (event.sequence + 1) % SEQUENCES;
      take(event);
      return true;
    });
  }
}
