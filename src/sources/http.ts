/**
 * Models over HTTP and HTTPS: one GET, up to five redirects, and `Range` with `If-Range` to go on after a
 * broken connection.
 *
 * On node:http rather than fetch(), which would undo a Content-Encoding: the digest is of the bytes as they
 * lie at the source. TLS is always verified (further authorities through NODE_EXTRA_CA_CERTS). Credentials
 * of the URI go to its own origin only, and never into a message.
 */
import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { errorCode } from "./error-code.ts";
import {
  parseContentLength,
  parseContentRange,
  parseRetryAfter,
  redirectOf,
  statusIsRetryable,
  strongETag,
} from "./http-semantics.ts";
import {
  type ModelSource,
  type OpenedModel,
  type OpenRequest,
  type ResumePoint,
  SourceError,
} from "./model-source.ts";
import { displayUrl } from "./model-uri.ts";

/** Redirects followed for one request. */
export const MAX_REDIRECTS = 5;

/** Source of `http:` and `https:` URIs. */
export const httpSource: ModelSource = { open: openHttp };

async function openHttp({ url, resume, signal }: OpenRequest): Promise<OpenedModel> {
  const { response, location } = await requestFollowingRedirects(url, resume, signal);
  const shown = displayUrl(location);
  const { statusCode: status = 0, headers } = response;
  const validator = strongETag(headers.etag);

  if (status === 200) {
    const totalBytes = parseContentLength(headers["content-length"]);
    return { body: bodyOf(response, shown), offsetBytes: 0, totalBytes, validator };
  }
  if (resume !== undefined && status === 206) {
    const range = parseContentRange(headers["content-range"]);
    if (range?.firstByte === resume.offsetBytes && validator === resume.validator) {
      const { firstByte: offsetBytes, totalBytes } = range;
      return { body: bodyOf(response, shown), offsetBytes, totalBytes, validator };
    }
  }
  response.destroy();
  if (resume !== undefined && (status === 206 || status === 416)) {
    // The server does not understand the range, or has other bytes by now: only a fresh start is safe.
    return await openHttp({ url, signal });
  }
  const found = `HTTP ${status} ${http.STATUS_CODES[status] ?? ""}`.trim();
  throw new SourceError({
    message: `GET ${shown} answered ${found}`,
    expected: "HTTP 200 OK",
    found,
    terminal: !statusIsRetryable(status),
    retryAfterMilliseconds: parseRetryAfter(headers["retry-after"], headers.date),
  });
}

async function requestFollowingRedirects(
  url: URL,
  resume: ResumePoint | undefined,
  signal: AbortSignal,
): Promise<{ response: IncomingMessage; location: URL }> {
  const authorization = basicAuthorization(url);
  let location = withoutUserInformation(url);
  for (let redirects = 0; ; redirects++) {
    const response = await send(
      location,
      {
        accept: "*/*",
        "accept-encoding": "identity",
        "user-agent": "petrel-fetch",
        ...(authorization !== undefined && location.origin === url.origin ? { authorization } : {}),
        ...(resume === undefined
          ? {}
          : { range: `bytes=${resume.offsetBytes}-`, "if-range": resume.validator }),
      },
      signal,
    );
    const redirect = redirectOf(response.statusCode ?? 0, response.headers.location, location);
    if (redirect.type === "None") return { response, location };
    response.destroy();
    if (redirect.type === "Refuse") throw refusedRedirect(location, redirect.reason);
    if (redirects === MAX_REDIRECTS) throw refusedRedirect(location, `more than ${MAX_REDIRECTS} times`);
    location = redirect.url;
  }
}

/** Resolves with the head of the final answer; 1xx answers are passed over. */
function send(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { request } = url.protocol === "https:" ? https : http;
    // The listener stays: an error after the head is the body's to report, and must not end the process.
    request(url, { headers, signal })
      .on("response", (response) => {
        response.on("error", () => {});
        resolve(response);
      })
      .on("error", (error) => reject(connectionError(error, displayUrl(url))))
      .end();
  });
}

async function* bodyOf(response: IncomingMessage, shown: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of response) yield chunk;
  } catch (error) {
    throw connectionError(error, shown);
  }
}

function basicAuthorization({ username, password }: URL): string | undefined {
  if (username === "" && password === "") return undefined;
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(credentials).toString("base64")}`;
}

function withoutUserInformation(url: URL): URL {
  const bare = new URL(url);
  bare.username = "";
  bare.password = "";
  bare.hash = "";
  return bare;
}

function refusedRedirect(location: URL, reason: string): SourceError {
  return new SourceError({
    message: `${displayUrl(location)} redirects ${reason}, which is not followed`,
    expected: `at most ${MAX_REDIRECTS} redirects, never from https to http`,
    found: `a redirect ${reason}`,
    terminal: true,
  });
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
