/**
 * The access log of a ModelDeployment whose answers are counted: a short line for each answer, and for each request of an arm
 * that got none, which the router beside Envoy reads.
 *
 * The line has the token of the answer that the client got, whatever was tried before. It must never hold anything that
 * a client sent, and what no arm was chosen for, as without the token of the door, has no part in it. The header that names
 * the arm is not enough: what Envoy refuses before its filters has it as the client sent it, but no cluster.
 */
import { ARM_NAMES } from "../../api/arm.ts";
import type { ConfigurationLayout } from "./layout.ts";
import type { JsonObject } from "./resource.ts";
import { PETREL_HEADER } from "./route.ts";

/** Characters of a token that are logged: all of the longest one, for metrics of scores read what it tells of the rows. */
export const LOGGED_TOKEN_LENGTH = 512;

/**
 * When the request began (seconds since the Unix epoch), response flags, status, status of gRPC, how long it was under way
 * (ms), how long the answer took from the end of the request on (us), the arm, its cluster, and the token; `-` for what there
 * is not. The token comes last: a model server may say anything there.
 */
const FORMAT = `${[
  ...["%START_TIME(%s)%", "%RESPONSE_FLAGS%", "%RESPONSE_CODE%", "%GRPC_STATUS_NUMBER%"],
  ...["%DURATION%", "%COMMON_DURATION(DS_RX_END:US_RX_END:us)%", `%REQ(${PETREL_HEADER.arm})%`],
  ...["%UPSTREAM_CLUSTER%", `%RESP(${PETREL_HEADER.token}):${LOGGED_TOKEN_LENGTH}%`],
].join(" ")}\n`;

/** @param op `EQ` or `GE`. What was not answered has the status 0. */
function status(op: string, code: number): JsonObject {
  const value = { default_value: code, runtime_key: `petrel.logged_${op.toLowerCase()}_${code}` };
  return { status_code_filter: { comparison: { op, value } } };
}

const or = (...filters: JsonObject[]): JsonObject => ({ or_filter: { filters } });
const and = (...filters: JsonObject[]): JsonObject => ({ and_filter: { filters } });

/** Requests that an arm was chosen for. Copies have another name there, and what has no arm has none. */
export const OF_AN_ARM: JsonObject = or(
  ...ARM_NAMES.map((exact) => ({
    header_filter: { header: { name: PETREL_HEADER.arm, string_match: { exact } } },
  })),
);

/** Only answers with 200 have tokens; gRPC has its own status, in trailers. What a client did wrong is not logged. */
const LOGGED: JsonObject = and(
  OF_AN_ARM,
  or(status("EQ", 200), status("GE", 500), status("EQ", 429), status("EQ", 0)),
);

/** The log of a connection manager, where there is a place for one. */
export function accessLogsOf({ accessLog }: Pick<ConfigurationLayout, "accessLog">): readonly JsonObject[] {
  if (accessLog === undefined) return [];
  return [
    {
      name: "envoy.access_loggers.file",
      filter: LOGGED,
      typed_config: {
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
        path: accessLog,
        log_format: { text_format_source: { inline_string: FORMAT } },
      },
    },
  ];
}
