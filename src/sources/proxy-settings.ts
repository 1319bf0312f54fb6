/**
 * The proxy and its exceptions as people write them, read into what sources take. What cannot be used is never passed
 * over: a server would be reached by another way than was meant.
 */
import { SourceError } from "./model-source.ts";
import { parseProxy } from "./proxy.ts";
import { EXPECTED_EXCEPTION, isProxyException } from "./proxy-exceptions.ts";
import type { HttpAccess } from "./source-settings.ts";

/**
 * Reads them.
 *
 * @throws {SourceError} when the proxy or an exception is none. The proxy, which may hold a secret, is not in it.
 */
export function readProxySettings(
  proxy: string,
  exceptions: readonly string[],
): NonNullable<HttpAccess["proxy"]> {
  const server = parseProxy(proxy);
  if (server === undefined) {
    const found = "another text (not shown: it may hold a secret)";
    throw notValid("the proxy", "http://HOST:PORT", found);
  }
  const none = exceptions.find((exception) => !isProxyException(exception));
  if (none !== undefined) throw notValid("an exception to the proxy", EXPECTED_EXCEPTION, none);
  return { server, exceptions };
}

function notValid(what: string, expected: string, found: string): SourceError {
  const message = `${what} is not valid: expected ${expected}, found ${found}`;
  return new SourceError({ message, expected, found, terminal: true });
}
