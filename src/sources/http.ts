/**
 * Models over HTTP and HTTPS: one GET, up to five redirects, and `Range` with `If-Range` to go on after a
 * broken connection.
 *
 * Credentials, of the URI or given beside it, go to one origin only, and never into a message.
 */
import http, { type IncomingMessage } from "node:http";
import { bodyOf, HttpClient } from "./http-client.ts";
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
import type { HttpAccess } from "./source-settings.ts";

/** Redirects followed for one request. */
export const MAX_REDIRECTS = 5;

/** Source of `http:` and `https:` URIs. */
export function httpSource(access: HttpAccess): ModelSource {
  const client = new HttpClient(access);
  return {
    // HTTP knows no directories: what a URI of it names is one file.
    locate: async () => ({ type: "File" }),
    open: (request) => openHttp(request, client, access.authorization),
  };
}

async function openHttp(
  request: OpenRequest,
  client: HttpClient,
  authorization: HttpAccess["authorization"],
): Promise<OpenedModel> {
  const { resume } = request;
  const { response, location } = await requestFollowingRedirects(request, client, authorization);
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
    return await openHttp({ ...request, resume: undefined }, client, authorization);
  }
  const found = `HTTP ${status} ${http.STATUS_CODES[status] ?? ""}`.trim();
  throw new SourceError({
    message: `GET ${shown}${wayTo(location, client)} answered ${found}`,
    expected: "HTTP 200 OK",
    found,
    terminal: !statusIsRetryable(status),
    retryAfterMilliseconds: parseRetryAfter(headers["retry-after"], headers.date),
  });
}

/** Who answers plain HTTP may be the proxy; through a tunnel it is the server. */
function wayTo(url: URL, client: HttpClient): string {
  const proxy = url.protocol === "http:" ? client.proxyOf(url) : undefined;
  return proxy === undefined ? "" : ` through the proxy ${proxy.shown}`;
}

async function requestFollowingRedirects(
  { url, resume, signal }: OpenRequest,
  client: HttpClient,
  given: HttpAccess["authorization"],
): Promise<{ response: IncomingMessage; location: URL }> {
  const authorization = given?.origin === url.origin ? given.value : basicAuthorization(url);
  let location = withoutUserInformation(url);
  for (let redirects = 0; ; redirects++) {
    const isAuthorized = authorization !== undefined && location.origin === url.origin;
    const headers = {
      accept: "*/*",
      "accept-encoding": "identity",
      "user-agent": "petrel-fetch",
      ...(isAuthorized ? { authorization } : {}),
      ...resumeHeaders(resume),
    };
    const response = await client.send({ method: "GET", url: location, headers, signal });
    const redirect = redirectOf(response.statusCode ?? 0, response.headers.location, location);
    if (redirect.type === "None") return { response, location };
    response.destroy();
    if (redirect.type === "Refuse") throw refusedRedirect(location, redirect.reason);
    if (redirects === MAX_REDIRECTS) throw refusedRedirect(location, `more than ${MAX_REDIRECTS} times`);
    location = redirect.url;
  }
}

function resumeHeaders(resume: ResumePoint | undefined): Readonly<Record<string, string>> {
  if (resume === undefined) return {};
  return { range: `bytes=${resume.offsetBytes}-`, "if-range": resume.validator };
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
