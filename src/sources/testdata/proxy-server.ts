/**
 * A real proxy on a loopback port for tests: opens every tunnel to one server, whatever name it is asked for, or refuses
 * as bad ones do. Never part of a program.
 */
import { once } from "node:events";
import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import net, { type Socket } from "node:net";

/** A running proxy. */
export interface ProxyServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** All requests so far: `CONNECT HOST:PORT` for tunnels, whole URLs otherwise. */
  readonly requests: readonly IncomingMessage[];
  /** Resolves once all connections to it are closed. */
  allClosed(): Promise<void>;
}

/** How {@link startProxy} proxies. */
export interface ProxyBehaviour {
  /** The server that every tunnel leads to; without one, tunnels are answered with 502. */
  readonly to?: string;
  /** `NAME:PASSWORD`, without which 407 is answered. */
  readonly credentials?: string;
  /** Answers tunnels with these bytes and ends. */
  readonly says?: string;
  /** Answers nothing, and keeps connections. */
  readonly isSilent?: boolean;
  /** Key and certificate, to be reached over TLS. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** Starts a proxy on a free port of 127.0.0.1. */
export async function startProxy(behaviour: ProxyBehaviour): Promise<ProxyServer> {
  const { credentials, isSilent = false, tls } = behaviour;
  const requests: IncomingMessage[] = [];
  const sockets: Socket[] = [];
  const isWelcome = ({ headers }: IncomingMessage) =>
    credentials === undefined ||
    headers["proxy-authorization"] === `Basic ${Buffer.from(credentials).toString("base64")}`;
  const server = tls === undefined ? http.createServer() : https.createServer(tls);
  server.on("request", (request, response) => {
    requests.push(request);
    if (!isSilent) response.writeHead(isWelcome(request) ? 502 : 407).end();
  });
  server.on("connection", (socket) => sockets.push(socket.on("error", () => {})));
  server.on("connect", (request, client: Socket) => {
    requests.push(request);
    client.on("error", () => {});
    // A server of Node leaves its own half open.
    if (isSilent) client.resume().on("end", () => client.end());
    else openTunnel(client, isWelcome(request), behaviour, sockets);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${address.port}`,
    requests,
    async allClosed() {
      for (const socket of sockets) if (!socket.closed) await once(socket, "close");
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function openTunnel(
  client: Socket,
  isWelcome: boolean,
  { to, says }: ProxyBehaviour,
  sockets: Socket[],
): void {
  if (says !== undefined) client.end(says);
  else if (!isWelcome) client.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
  else if (to === undefined) client.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
  else {
    const { hostname, port } = new URL(to);
    const behind = net.connect(Number(port), hostname, () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      behind.pipe(client).pipe(behind);
    });
    sockets.push(behind.on("error", () => client.destroy()));
  }
}
