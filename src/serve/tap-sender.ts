/**
 * Sends what was observed of requests to the sidecar, over its Unix socket. It must never slow a request: it has a fixed
 * room, what does not fit is dropped and counted, and while nobody listens nothing is even observed.
 *
 * Events are gathered for some milliseconds, so that a system call is paid by many of them. A sidecar that ends, hangs
 * or comes back needs nothing from the server.
 */
import { connect, type Socket } from "node:net";
import type { Clock } from "../core/clock.ts";
import { errorMessage, type Logger } from "../core/log.ts";
import {
  eventBytes,
  greetingFrame,
  SEQUENCES,
  TAP_VERSION,
  type TapEvent,
  writeEvent,
} from "../tap/tap-event.ts";

/** What the sender is made of. */
export interface TapSenderOptions {
  /** Path of the sidecar's socket. */
  readonly path: string;
  readonly model: string;
  /** Empty for none. */
  readonly revision: string;
  readonly columns: readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
}

interface Chunk {
  readonly bytes: Buffer;
  readonly view: DataView;
  end: number;
  events: number;
}

const CHUNK_BYTES = 65_536;
/** All that may wait for the sidecar: 2 MiB, some ten thousand requests of one row. */
const MAXIMUM_CHUNKS = 32;
const FLUSH_MILLISECONDS = 20;
const RECONNECT_MILLISECONDS = { first: 100, last: 5_000 } as const;

/** The sender. */
export class TapSender {
  readonly #options: TapSenderOptions;
  readonly #free: Chunk[] = [];
  #chunks = 0;
  #filling: Chunk | undefined;
  #socket: Socket | undefined;
  #isConnected = false;
  #sequence = 0;
  #sent = 0;
  #dropped = 0;
  #cancelFlush: (() => void) | undefined;
  #cancelReconnect = () => {};
  #pauseMilliseconds: number = RECONNECT_MILLISECONDS.first;
  #problem: string | undefined;
  #isStopped = false;

  constructor(options: TapSenderOptions) {
    this.#options = options;
  }

  /** Whether somebody listens and keeps up, so that any event has room. Otherwise an observation would be for nothing. */
  get takesEvents(): boolean {
    return this.#isConnected && (this.#free.length > 0 || this.#chunks < MAXIMUM_CHUNKS);
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Events that the system took. */
  get sent(): number {
    return this.#sent;
  }

  /** Events that nobody gets. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Begins to connect, and goes on until it is stopped. */
  start(): void {
    const socket = connect(this.#options.path);
    this.#socket = socket;
    socket.on("connect", () => {
      this.#options.log.info("the sidecar listens", { "file.path": this.#options.path });
      this.#problem = undefined;
      this.#pauseMilliseconds = RECONNECT_MILLISECONDS.first;
      this.#isConnected = true;
      const { model, revision, columns } = this.#options;
      socket.write(
        greetingFrame({ version: TAP_VERSION, model, revision, columns, sequence: this.#sequence }),
      );
    });
    // A sidecar has nothing to say.
    socket.on("data", () => {});
    socket.on("error", (error) => this.#report(errorMessage(error)));
    socket.on("close", () => this.#lost());
  }

  /** A request that was not observed. */
  skip(): void {
    this.#next();
    this.#dropped++;
  }

  /** Takes an event, or drops it. */
  send(event: TapEvent): void {
    event.sequence = this.#next();
    const bytes = eventBytes(event);
    if (this.#filling !== undefined && this.#filling.end + bytes > CHUNK_BYTES) this.#flush();
    const chunk = this.#isConnected ? (this.#filling ?? this.#takeChunk()) : undefined;
    if (chunk === undefined) {
      this.#dropped++;
      return;
    }
    this.#filling = chunk;
    chunk.end = writeEvent(chunk.view, chunk.end, event);
    chunk.events++;
    this.#cancelFlush ??= this.#options.clock.schedule(FLUSH_MILLISECONDS, () => {
      this.#cancelFlush = undefined;
      this.#flush();
    });
  }

  /** Hands over what it has, waits for nothing, and ends. */
  stop(): void {
    this.#isStopped = true;
    this.#flush();
    this.#cancelFlush?.();
    this.#cancelReconnect();
    if (this.#isConnected) this.#socket?.end();
    else this.#socket?.destroy();
    // A sidecar that takes nothing must not hold the process.
    this.#socket?.unref();
  }

  #next(): number {
    const sequence = this.#sequence;
    this.#sequence = (sequence + 1) % SEQUENCES;
    return sequence;
  }

  #takeChunk(): Chunk | undefined {
    const free = this.#free.pop();
    if (free !== undefined || this.#chunks >= MAXIMUM_CHUNKS) return free;
    this.#chunks++;
    const bytes = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    return { bytes, view: new DataView(bytes.buffer), end: 0, events: 0 };
  }

  #flush(): void {
    const chunk = this.#filling;
    if (chunk === undefined) return;
    this.#filling = undefined;
    this.#socket?.write(chunk.bytes.subarray(0, chunk.end), (error) =>
      this.#release(chunk, error === undefined || error === null),
    );
  }

  #release(chunk: Chunk, isSent: boolean): void {
    if (isSent) this.#sent += chunk.events;
    else this.#dropped += chunk.events;
    chunk.end = 0;
    chunk.events = 0;
    this.#free.push(chunk);
  }

  #lost(): void {
    if (this.#isConnected) this.#options.log.warn("the sidecar is gone", { "file.path": this.#options.path });
    this.#isConnected = false;
    if (this.#filling !== undefined) this.#release(this.#filling, false);
    this.#filling = undefined;
    if (this.#isStopped) return;
    this.#cancelReconnect = this.#options.clock.schedule(this.#pauseMilliseconds, () => this.start());
    this.#pauseMilliseconds = Math.min(2 * this.#pauseMilliseconds, RECONNECT_MILLISECONDS.last);
  }

  /** Says each problem once, for it is met again with each try. */
  #report(problem: string): void {
    if (problem !== this.#problem && !this.#isStopped) {
      this.#options.log.warn("no sidecar takes what is observed", {
        "file.path": this.#options.path,
        "error.message": problem,
      });
    }
    this.#problem = problem;
  }
}
