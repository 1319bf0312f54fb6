/**
 * Connections to a foreign runtime over HTTP/2. There are as many as its bound on calls of one connection asks for; one
 * that ends is left out at once, and the next call opens another.
 */
import { type ClientHttp2Session, connect } from "node:http2";

/** A runtime that says nothing gets as many calls on one connection as Envoy sends by default. */
const USUAL_CALLS = 100;
const MAXIMUM_CONNECTIONS = 16;
const WINDOW_BYTES = 2 ** 20;
const CONNECT_MILLISECONDS = 5_000;

interface Connection {
  readonly session: ClientHttp2Session;
  calls: number;
}

/** The connections. */
export class GrpcUpstream {
  readonly #url: string;
  readonly #connections = new Set<Connection>();

  constructor(url: URL) {
    this.#url = url.origin;
  }

  /** A connection for one more call, whose end is told with `release`; undefined when there are too many. */
  take(): { readonly session: ClientHttp2Session; readonly release: () => void } | undefined {
    for (const connection of this.#connections) {
      const { maxConcurrentStreams = USUAL_CALLS } = connection.session.remoteSettings ?? {};
      if (connection.calls < Math.min(maxConcurrentStreams, USUAL_CALLS)) return this.#use(connection);
    }
    return this.#connections.size < MAXIMUM_CONNECTIONS ? this.#use(this.#open()) : undefined;
  }

  /** Ends all of them once their calls have ended. */
  close(): void {
    for (const { session } of this.#connections) session.close();
  }

  /** Ends all of them at once. */
  abort(): void {
    for (const { session } of this.#connections) session.destroy();
  }

  #open(): Connection {
    const session = connect(this.#url, { settings: { initialWindowSize: WINDOW_BYTES, enablePush: false } });
    const connection: Connection = { session, calls: 0 };
    this.#connections.add(connection);
    const leave = () => this.#connections.delete(connection);
    session.on("close", leave);
    session.on("goaway", leave);
    // Its calls hear of it by themselves.
    session.on("error", leave);
    session.setTimeout(CONNECT_MILLISECONDS, () => session.destroy());
    session.once("connect", () => {
      session.setTimeout(0);
      session.setLocalWindowSize(WINDOW_BYTES);
    });
    return connection;
  }

  #use(connection: Connection) {
    connection.calls++;
    return { session: connection.session, release: () => void connection.calls-- };
  }
}
