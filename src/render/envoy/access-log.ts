/**
 * The access log of answers that are counted as impressions: a short line for each, which the router beside Envoy reads.
 *
 * The line has the token of the answer that the client got, whatever was tried before. It must never hold anything that
 * a client sent.
 */
import type { ConfigurationLayout } from "./layout.ts";
import type { JsonObject } from "./resource.ts";
import { PETREL_HEADER } from "./route.ts";

/** Characters of a token that are logged: all of the longest one, for metrics of scores read what it tells of the rows. */
export const LOGGED_TOKEN_LENGTH = 512;

/** When the request began (seconds since the Unix epoch), response flags, and the token; `-` for what there is not. */
const FORMAT = `%START_TIME(%s)% %RESPONSE_FLAGS% %RESP(${PETREL_HEADER.token}):${LOGGED_TOKEN_LENGTH}%\n`;

/** Only these have tokens; gRPC has its own status, in trailers. */
const ANSWERED: JsonObject = {
  status_code_filter: {
    comparison: { op: "EQ", value: { default_value: 200, runtime_key: "petrel.counted_status" } },
  },
};

/** The field of a connection manager, where there is a place for a log. */
export function accessLogOf({ accessLog }: Pick<ConfigurationLayout, "accessLog">): JsonObject {
  if (accessLog === undefined) return {};
  return {
    access_log: [
      {
        name: "envoy.access_loggers.file",
        filter: ANSWERED,
        typed_config: {
          "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
          path: accessLog,
          log_format: { text_format_source: { inline_string: FORMAT } },
        },
      },
    ],
  };
}
