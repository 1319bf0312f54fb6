/**
 * A proxy: plain requests are sent to it whole, and for HTTPS it opens a tunnel (`CONNECT`, RFC 9110, 9.3.6), so that it
 * sees neither what is asked for nor what is answered.
 *
 * Node's own agents would do that too. An attempt that is given up leaves their connection to the proxy open, which
 * keeps a process from ending behind a proxy that says nothing; and their errors do not say that the proxy was to blame.
 *
 * What the proxy is opened with goes to it alone, and never into a message.
 */
import http, { STATUS_CODES } from "node:http";
import https from "node:https";
import { isIP } from "node:net";
import { Duplex } from "node:stream";
import { connect } from "node:tls";
import { statusIsRetryable } from "./http-semantics.ts";
import { SourceError } from "./model-source.ts";

/** How a proxy is reached. */
export interface HttpProxy {
  /** `http://HOST:PORT` or `https://HOST:PORT`, without secrets: for messages. */
  readonly shown: string;
  readonly address: {
    readonly protocol: string;
    readonly hostname: string;
    readonly port: string;
    /** For the proxy's own certificate; Node would take it from the header `host`. */
    readonly servername: string;
  };
  /** What opens it, to be sent to it alone. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Reads the URL of a proxy; undefined when it is none, or says more than a proxy and what opens it. */
export function parseProxy(text: string): HttpProxy | undefined {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined;
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") return undefined;
  const { protocol, port } = url;
  const hostname = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const credentials = credentialsOf(url);
  if (credentials === undefined) return undefined;
  const basic = `Basic ${Buffer.from(credentials).toString("base64")}`;
  return {
    shown: `${protocol}//${url.host}`,
    address: { protocol, hostname, port, servername: isIP(hostname) === 0 ? hostname : "" },
    headers: credentials === ":" ? {} : { "proxy-authorization": basic },
  };
}

function credentialsOf({ username, password }: URL): string | undefined {
  try {
    return `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  } catch {
    return undefined;
  }
}

/** The answer of a proxy that wants other credentials. The server behind it never answers so. */
export const PROXY_AUTHENTICATION_REQUIRED = 407;

/** A proxy that answers for itself. Its wish for credentials, or its no to a host, does not mend within minutes. */
export function proxyRefusal(proxy: HttpProxy, host: string, status: number): SourceError {
  const found = `HTTP ${status} ${STATUS_CODES[status] ?? ""}`.trim();
  const expected = "a connection through it";
  return new SourceError({
    message: `the proxy ${proxy.shown} does not connect to ${host}: expected ${expected}, found ${found}`,
    expected,
    found,
    terminal: !statusIsRetryable(status),
  });
}

/** Options of a request through a {@link TunnelAgent}. */
export interface TunnelRequestOptions extends https.RequestOptions {
  /** Gives up the tunnel as well, which Node does not tell agents of. */
  readonly abandon?: AbortSignal;
}

/** Connections to HTTPS servers, each through a tunnel of its own. */
export class TunnelAgent extends https.Agent {
  readonly #proxy: HttpProxy;

  constructor(proxy: HttpProxy, options: https.AgentOptions) {
    super(options);
    this.#proxy = proxy;
  }

  /** Fails with a {@link proxyRefusal} when the proxy opens no tunnel. */
  override createConnection(
    { host = "", port, servername = "", abandon }: TunnelRequestOptions,
    callback: (error: Error | null, stream: Duplex) => void = () => {},
  ): undefined {
    const { address, headers } = this.#proxy;
    const authority = `${host?.includes(":") ? `[${host}]` : host}:${port}`;
    const trust = this.options.ca === undefined ? {} : { ca: this.options.ca };
    (address.protocol === "https:" ? https : http)
      .request({
        ...address,
        ...trust,
        method: "CONNECT",
        path: authority,
        headers: { host: authority, ...headers },
        agent: false,
        ...(abandon === undefined ? {} : { signal: abandon }),
      })
      .on("connect", ({ statusCode: status = 0 }, socket, head) => {
        if (status < 200 || status > 299) {
          socket.destroy();
          callback(proxyRefusal(this.#proxy, authority, status), socket);
          return;
        }
        if (head.length > 0) socket.unshift(head);
        const name = { host: host ?? "", servername, ALPNProtocols: ["http/1.1"] };
        callback(null, connect({ ...trust, ...name, socket }));
      })
      // Of an error nobody looks at the stream, which the type wants.
      .on("error", (error) => callback(error, new Duplex()))
      .end();
  }
}
