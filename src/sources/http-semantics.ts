/**
 * The parts of HTTP that a download depends on, as pure functions: which answers lead elsewhere, which
 * are worth another try, and which bytes a partial answer holds (RFC 9110).
 */

/** What a `Content-Range: bytes first-last/total` header says. */
export interface ContentRange {
  readonly firstByte: number;
  readonly lastByte: number;
  /** Undefined when the server does not tell (`*`). */
  readonly totalBytes: number | undefined;
}

/** Parses `Content-Range` of a 206 answer (RFC 9110, 14.4). Undefined when missing or malformed. */
export function parseContentRange(header: string | undefined): ContentRange | undefined {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i.exec(header?.trim() ?? "");
  if (match === null) return undefined;
  const [, first, last, total] = match;
  const firstByte = Number(first);
  const lastByte = Number(last);
  const totalBytes = total === "*" ? undefined : Number(total);
  if (lastByte < firstByte || (totalBytes !== undefined && lastByte >= totalBytes)) return undefined;
  return { firstByte, lastByte, totalBytes };
}

/**
 * Size from `Content-Length`. Undefined when missing or malformed (Node's parser already refuses the
 * dangerous cases: two that differ, or one beside `Transfer-Encoding`).
 */
export function parseContentLength(header: string | undefined): number | undefined {
  return header !== undefined && /^\d+$/.test(header) ? Number(header) : undefined;
}

/**
 * The ETag when it is a strong one, usable in `If-Range` (RFC 9110, 13.1.5). A weak one may stay the same
 * while bytes change, so two halves taken under it need not fit together.
 */
export function strongETag(header: string | undefined): string | undefined {
  return header !== undefined && /^"[^"]*"$/.test(header) ? header : undefined;
}

/** What an answer's status and `Location` lead to. */
export type Redirect =
  | { readonly type: "None" }
  | { readonly type: "Follow"; readonly url: URL }
  | { readonly type: "Refuse"; readonly reason: string };

const REDIRECT_STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * Where an answer redirects to. From https to http is refused, as is any other scheme. User information
 * in a location is dropped: a server has no business to choose whose credentials are sent.
 */
export function redirectOf(status: number, location: string | undefined, from: URL): Redirect {
  if (!REDIRECT_STATUSES.has(status)) return { type: "None" };
  const url = location === undefined ? null : URL.parse(location, from.href);
  if (url === null) return { type: "Refuse", reason: "without a valid Location" };
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    return { type: "Refuse", reason: `to the scheme ${url.protocol.slice(0, -1)}` };
  }
  if (from.protocol === "https:" && url.protocol === "http:") {
    return { type: "Refuse", reason: "from https to http" };
  }
  url.username = "";
  url.password = "";
  return { type: "Follow", url };
}

/** True when the same request may succeed later: the server is busy, restarting or behind a bad gateway. */
export function statusIsRetryable(status: number): boolean {
  return (
    status === 408 || status === 425 || status === 429 || (status >= 500 && status !== 501 && status !== 505)
  );
}

/**
 * `Retry-After` in milliseconds: seconds, or an HTTP date (RFC 9110, 10.2.3) measured against the answer's
 * own `Date`, so that no clock of ours needs to agree with the server's. Undefined when neither is given.
 */
export function parseRetryAfter(
  retryAfter: string | undefined,
  date: string | undefined,
): number | undefined {
  if (retryAfter === undefined) return undefined;
  if (/^\d{1,9}$/.test(retryAfter)) return Number(retryAfter) * 1000;
  const milliseconds = Date.parse(retryAfter) - Date.parse(date ?? "");
  return Number.isNaN(milliseconds) ? undefined : Math.max(0, milliseconds);
}
