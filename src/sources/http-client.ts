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
  readonly #agents: { readonly http: http.Agent; readonly https: https.Agent };

  constructor({ authorities, proxy }: HttpAccess) {
    const proxyEnv =
      proxy === undefined
        ? {}
        : {
            proxyEnv: {
              HTTP_PROXY: proxy.url,
              HTTPS_PROXY: proxy.url,
              NO_PROXY: proxy.exceptions.join(","),
            },
          };
    const trust = authorities.length === 0 ? {} : { ca: [...getCACertificates(), ...authorities] };
    const connections = { keepAlive: true, ...proxyEnv };
    this.#agents = {
      http: new http.Agent(connections),
      https: new https.Agent({ ...connections, ...trust }),
    };
  }

  /** Resolves with the head of the answer; 1xx answers are passed over. */
  send({ method, url, headers, body, signal }: HttpRequest): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const secure = url.protocol === "https:";
      const agent = secure ? this.#agents.https : this.#agents.http;
      // The listener stays: an error after the head is the body's to report, and must not end the process.
      (secure ? https : http)
        .request(url, { method, headers, signal, agent })
        .on("response", (response) => {
          response.on("error", () => {});
          resolve(response);
        })
        .on("error", (error) => reject(connectionError(error, displayUrl(url))))
        .end(body);
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
function connectionError(error: unknown, shown: string): SourceError {
  const code = errorCode(error) ?? "an unknown error";
  const terminal = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/.test(code);
  return new SourceError({
    message: `the connection to ${shown} failed: ${code}`,
    expected: "a complete answer",
    found: code,
    terminal,
    cause: error,
  });
}
