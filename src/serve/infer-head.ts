/**
 * The headers of an inference over HTTP that the server reads, taken from the list as it came: building the
 * object of all headers costs more than reading a small request.
 */
import { JSON_LENGTH_HEADER } from "./rest-codec.ts";
import { ServeError } from "./serve-error.ts";

/**
 * Header in which Envoy says how long it will wait for this try; the routers remove one that a client sends.
 * A client without Envoy in between may say so itself.
 */
export const TIMEOUT_HEADER = "x-envoy-expected-rq-timeout-ms";

/** What the headers of an inference say. */
export interface InferHead {
  /** Declared bytes of the body; undefined when it comes in chunks. */
  readonly contentLength: number | undefined;
  /** Value of {@link JSON_LENGTH_HEADER}. */
  readonly jsonLength: string | undefined;
  /** From {@link TIMEOUT_HEADER}; infinite without it. */
  readonly timeoutMilliseconds: number;
}

const CONTENT_LENGTH = "content-length";
const CONTENT_ENCODING = "content-encoding";
/** Only a header with a name of such a length is looked at. */
const LENGTHS = new Set(
  [CONTENT_LENGTH, CONTENT_ENCODING, JSON_LENGTH_HEADER, TIMEOUT_HEADER].map(({ length }) => length),
);

/**
 * Reads names and values, one after the other, of a request that Node has let pass: a content length is a
 * number there, and is there once.
 *
 * @throws {ServeError} UnsupportedEncoding.
 */
export function readInferHead(rawHeaders: readonly string[]): InferHead {
  let contentLength: number | undefined;
  let jsonLength: string | undefined;
  let timeoutMilliseconds = Number.POSITIVE_INFINITY;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    if (!LENGTHS.has(name.length)) {
      continue;
    }
    const value = rawHeaders[index + 1] ?? "";
    switch (name.toLowerCase()) {
      case CONTENT_LENGTH:
        contentLength = Number(value);
        break;
      case JSON_LENGTH_HEADER:
        jsonLength = jsonLength === undefined ? value : `${jsonLength},${value}`;
        break;
      case TIMEOUT_HEADER:
        timeoutMilliseconds = parseExpectedTimeout(value);
        break;
      case CONTENT_ENCODING:
        if (value.toLowerCase() !== "identity") {
          throw new ServeError("UnsupportedEncoding", "expected a body without content encoding");
        }
    }
  }
  return { contentLength, jsonLength, timeoutMilliseconds };
}

/** The value of {@link TIMEOUT_HEADER}. One that is no number of milliseconds says nothing: then it is infinite. */
export function parseExpectedTimeout(value: unknown): number {
  return typeof value === "string" && /^[1-9][0-9]{0,8}$/.test(value)
    ? Number(value)
    : Number.POSITIVE_INFINITY;
}
