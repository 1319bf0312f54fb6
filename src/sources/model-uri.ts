/**
 * The `uri` of a model: parsed once, then carried in two forms, one to open and one to show.
 *
 * A URI may hold secrets: a password before the host, a signature in the query of a presigned address.
 * They must never reach a log, a condition or a termination message, so everything that is written for
 * people uses {@link ModelUri.display}.
 */
import { SourceError } from "./model-source.ts";

/** Longest accepted URI, in characters. Presigned addresses are long; nothing real is longer. */
export const MAX_URI_LENGTH = 4096;

/** A parsed model URI. */
export interface ModelUri {
  /** The scheme in lower case, without the colon: the key in the register of sources. */
  readonly scheme: string;
  /** The URI to open, secrets included. Never log it. */
  readonly url: URL;
  /** The URI without user information, query values and fragment: for logs and messages. */
  readonly display: string;
}

/** `scheme://` and the parts behind it, as in RFC 3986, section 3. */
const HIERARCHICAL_URI = /^[A-Za-z][A-Za-z0-9+.-]*:\/\//;

/**
 * Parses a model URI.
 *
 * @throws SourceError (terminal) when it is too long, has no `scheme://`, is not a URI, or when its user
 *   information is not valid percent-encoding.
 */
export function parseModelUri(text: string): ModelUri {
  if (text.length > MAX_URI_LENGTH) {
    throw invalidUri(`at most ${MAX_URI_LENGTH} characters`, `${text.length} characters`);
  }
  if (!HIERARCHICAL_URI.test(text)) {
    throw invalidUri("a URI that starts with scheme://", JSON.stringify(withoutSecrets(text)));
  }
  const url = URL.parse(text);
  if (url === null) throw invalidUri("a URI", JSON.stringify(withoutSecrets(text)));
  if (!isPercentEncoded(url.username) || !isPercentEncoded(url.password)) {
    throw invalidUri("percent-encoded UTF-8 as user information", "an invalid escape (not shown)");
  }
  return { scheme: url.protocol.slice(0, -1), url, display: displayUrl(url) };
}

/** A URL for logs and messages: user information and fragment dropped, query values replaced. */
export function displayUrl(url: URL): string {
  const query = url.search === "" ? "" : "?REDACTED";
  return `${url.protocol}//${url.host}${url.pathname}${query}`;
}

/**
 * The path of a URL without its percent-encoding.
 *
 * @throws SourceError (terminal) when it is not valid percent-encoding.
 */
export function decodedPath(url: URL): string {
  if (isPercentEncoded(url.pathname)) return decodeURIComponent(url.pathname);
  throw invalidUri("percent-encoded UTF-8 as path", JSON.stringify(url.pathname));
}

/** The same for text that is not a URL: drops all that could be user information or a query. */
function withoutSecrets(text: string): string {
  return text
    .replace(/[?#].*$/s, "?REDACTED")
    .replace(/^.*@/s, "REDACTED@")
    .slice(0, 200);
}

function isPercentEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

function invalidUri(expected: string, found: string): SourceError {
  return new SourceError({
    message: `the model URI is not valid: expected ${expected}, found ${found}`,
    expected,
    found,
    terminal: true,
  });
}
