/**
 * One HTTP request as sources make it: over node:http, because fetch() would undo a Content-Encoding, and the
 * digest is of the bytes as they lie at the source.
 *
 * TLS is always verified, against the well-known authorities and those that were given. Connections go through
 * the proxy when there is one. Errors hold no secret.
 */
import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { getCACertificates } from "node:tls";
import { errorCode } from "./error-code.ts";
import { SourceError } from "./model-source.ts";
import { displayUrl } from "./model-uri.ts";
import {
  type HttpProxy,
  PROXY_AUTHENTICATION_REQUIRED,
  proxyRefusal,
  TunnelAgent,
  type TunnelRequestOptions,
} from "./proxy.ts";
import { isReachedDirectly } from "./proxy-exceptions.ts";
import type { HttpAccess } from "./source-settings.ts";

/** What is asked for. */
export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly signal: AbortSignal;
}

/** Sends requests over connections of its own, which are kept for the next one. */
export class HttpClient {
  readonly #http = new http.Agent({ keepAlive: true });
  readonly #https: https.Agent;
  readonly #tunnels: https.Agent | undefined;
  readonly #proxy: HttpProxy | undefined;
  readonly #exceptions: readonly string[];

  constructor({ authorities, proxy }: HttpAccess) {
    const trust = authorities.length === 0 ? {} : { ca: [...getCACertificates(), ...authorities] };
    const options = { keepAlive: true, ...trust };
    this.#https = new https.Agent(options);
    this.#exceptions = proxy?.exceptions ?? [];
    this.#proxy = proxy?.server;
    this.#tunnels = proxy === undefined ? undefined : new TunnelAgent(proxy.server, options);
  }

  /** The proxy that a server is reached through; undefined for none. */
  proxyOf(url: URL): HttpProxy | undefined {
    return isReachedDirectly(url, this.#exceptions) ? undefined : this.#proxy;
  }

  /** Resolves with the head of the answer; 1xx answers are passed over. */
  send(asked: HttpRequest): Promise<IncomingMessage> {
    const { url, body } = asked;
    const proxy = this.proxyOf(url);
    return new Promise((resolve, reject) => {
      // The listener stays: an error after the head is the body's to report, and must not end the process.
      this.#request(asked, proxy)
        .on("response", (response) => {
          response.on("error", () => {});
          if (proxy === undefined || response.statusCode !== PROXY_AUTHENTICATION_REQUIRED) {
            resolve(response);
            return;
          }
          response.destroy();
          reject(proxyRefusal(proxy, url.host, PROXY_AUTHENTICATION_REQUIRED));
        })
        .on("error", (error) => reject(connectionError(error, displayUrl(url), proxy)))
        .end(body);
    });
  }

  #request({ method, url, headers, signal }: HttpRequest, proxy: HttpProxy | undefined): http.ClientRequest {
    const common = { method, headers, signal };
    if (url.protocol === "https:") {
      if (proxy === undefined) return https.request(url, { ...common, agent: this.#https });
      const tunnelled: TunnelRequestOptions = { ...common, agent: this.#tunnels, abandon: signal };
      return https.request(url, tunnelled);
    }
    if (proxy === undefined) return http.request(url, { ...common, agent: this.#http });
    const isSecure = proxy.address.protocol === "https:";
    return (isSecure ? https : http).request({
      ...common,
      ...proxy.address,
      agent: isSecure ? this.#https : this.#http,
      path: `${url.origin}${url.pathname}${url.search}`,
      headers: { ...headers, host: url.host, ...proxy.headers },
    });
  }
}

/** The bytes of an answer. */
export async function* bodyOf(response: IncomingMessage, shown: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of response) yield chunk;
  } catch (error) {
    throw connectionError(error, shown);
  }
}

/**
 * A short answer as text.
 *
 * @throws SourceError when it is longer than `maxBytes`, or breaks off.
 */
export async function textOf(response: IncomingMessage, shown: string, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of bodyOf(response, shown)) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxBytes) {
      response.destroy();
      const expected = `an answer of at most ${maxBytes} bytes`;
      throw new SourceError({
        message: `${shown} answers too much: expected ${expected}, found more`,
        expected,
        found: "more",
        terminal: true,
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Certificate errors do not mend within minutes; broken connections and names that do not resolve yet may. */
function connectionError(error: unknown, shown: string, proxy?: HttpProxy): SourceError {
  if (error instanceof SourceError) return error;
  const code = errorCode(error) ?? "an unknown error";
  const terminal = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/.test(code);
  const way = proxy === undefined ? "" : ` through the proxy ${proxy.shown}`;
  return new SourceError({
    message: `the connection to ${shown}${way} failed: ${code}`,
    expected: "a complete answer",
    found: code,
    terminal,
    cause: error,
  });
}
