/**
 * The connections of the gRPC server. None may be open without use for long: one that never asks anything is ended
 * soon, one that asks nothing any more after some minutes, and one whose peer is gone by the system's probes.
 */
import type { Http2Session, ServerHttp2Stream } from "node:http2";
import type { Server } from "node:net";
import type { Clock } from "../core/clock.ts";
import { Patience } from "./patience.ts";

/** For the first call of a connection. */
const FIRST_CALL_MILLISECONDS = 10_000;
/** Between the end of one call and the next. Clients open another connection without a failed call. */
const IDLE_MILLISECONDS = 300_000;
/** Silence after which the system asks whether the peer is still there. */
const PROBE_MILLISECONDS = 60_000;
/** For a connection that was told to end. */
const END_MILLISECONDS = 1_000;

/** The open connections. */
export class GrpcConnections {
  readonly #clock: Clock;
  readonly #unused: Patience<Http2Session>;
  readonly #idle: Patience<Http2Session>;
  /** With the number of their open calls. */
  readonly #open = new Map<Http2Session, number>();

  constructor(server: Server, clock: Clock) {
    this.#clock = clock;
    this.#unused = new Patience(clock, FIRST_CALL_MILLISECONDS);
    this.#idle = new Patience(clock, IDLE_MILLISECONDS);
    server.on("connection", (socket) => socket.setKeepAlive(true, PROBE_MILLISECONDS));
  }

  /** A connection was opened. */
  add(session: Http2Session): void {
    this.#open.set(session, 0);
    this.#unused.watch(session, () => session.destroy());
    session.once("close", () => {
      this.#open.delete(session);
      this.#unused.forget(session);
      this.#idle.forget(session);
    });
  }

  /** A call began; that it ends is seen here. */
  call(stream: ServerHttp2Stream): void {
    const { session } = stream;
    if (session === undefined) return;
    this.#unused.forget(session);
    this.#idle.forget(session);
    this.#open.set(session, (this.#open.get(session) ?? 0) + 1);
    stream.once("close", () => this.#ended(session));
  }

  /** Takes no more calls; each connection ends with its last one. */
  close(): void {
    this.#unused.stop();
    this.#idle.stop();
    for (const session of this.#open.keys()) {
      session.close();
    }
  }

  /** Ends all at once. */
  abort(): void {
    for (const session of this.#open.keys()) {
      session.destroy();
    }
  }

  #ended(session: Http2Session): void {
    const calls = this.#open.get(session);
    if (calls === undefined) return;
    this.#open.set(session, calls - 1);
    // One that was told to end is not waited for: nothing may be armed once all have been.
    if (calls > 1 || session.closed) return;
    this.#idle.watch(session, () => {
      session.close();
      this.#clock.schedule(END_MILLISECONDS, () => session.destroy());
    });
  }
}
