/**
 * How Envoy counts first tries: what became of the first try of each request, before any retry, for each arm of a plan
 * that splits the traffic.
 *
 * Retries and other pools make a broken candidate look well to its clients, and Envoy's own statistics of a cluster count
 * all tries alike. So each try of an upstream is logged when it ends, and the log is statistics of Envoy: no line is
 * written, and reading it costs the same for any number of requests. Names are of ModelDeployment, arm and priority, and
 * never of what comes and goes, such as revisions: Envoy keeps a statistic as long as the listener.
 */
import { ENDPOINT_METADATA } from "./endpoints.ts";
import {
  FIRST_TRY_ENDS,
  FIRST_TRY_PREFIX,
  type FirstTryEnd,
  GRPC_FAULT_CODES,
} from "./first-try-statistics.ts";
import type { JsonObject } from "./resource.ts";
import { PETREL_HEADER } from "./route.ts";

/** Set by Envoy where a route asks for it: 1 with the first try. Only plans that split the traffic ask for it. */
const ATTEMPT_HEADER = "x-envoy-attempt-count";

/** Flags of a try that ended by the server's fault, or that of the way there. */
const SERVER_FAULTS = ["UT", "UF", "UC", "UR", "LR", "UPE", "UO"] as const;

/** Codes of gRPC that are the server's fault, by the names of Envoy: those that correspond to 429 and 5xx. */
const GRPC_FAULTS = Object.keys(GRPC_FAULT_CODES);

const and = (...filters: JsonObject[]): JsonObject => ({ and_filter: { filters } });
const or = (...filters: JsonObject[]): JsonObject => ({ or_filter: { filters } });

function header(name: string, match: JsonObject): JsonObject {
  // One that is missing would match nothing, not even the contrary of anything.
  return { header_filter: { header: { name, treat_missing_header_as_empty: true, ...match } } };
}

/** @param op `EQ`, `NE`, `GE` or `LE`. What was not answered has the status 0. */
function status(op: string, code: number): JsonObject {
  const value = { default_value: code, runtime_key: `petrel.first_try_${op.toLowerCase()}_${code}` };
  return { status_code_filter: { comparison: { op, value } } };
}

const IS_FIRST = header(ATTEMPT_HEADER, { string_match: { exact: "1" } });
const GRPC_TYPE: JsonObject = { string_match: { prefix: "application/grpc" } };
const IS_GRPC = header("content-type", GRPC_TYPE);
const IS_REST = header("content-type", { ...GRPC_TYPE, invert_match: true });
const IS_FAULT_OF_GRPC: JsonObject = { grpc_status_filter: { statuses: GRPC_FAULTS } };
const IS_NO_FAULT_OF_GRPC: JsonObject = { grpc_status_filter: { statuses: GRPC_FAULTS, exclude: true } };
const HAS_SERVER_FAULT: JsonObject = { response_flag_filter: { flags: SERVER_FAULTS } };

/** Overload is no answer, so 429 is a refusal: not one to retry or to eject for, but one that clients see. */
const ENDED: Readonly<Record<FirstTryEnd, JsonObject>> = {
  answered: and(
    IS_FIRST,
    status("GE", 200),
    status("LE", 499),
    status("NE", 429),
    or(IS_REST, IS_NO_FAULT_OF_GRPC),
  ),
  refused: and(IS_FIRST, or(status("GE", 500), status("EQ", 429), and(IS_GRPC, IS_FAULT_OF_GRPC))),
  unanswered: and(IS_FIRST, or(status("EQ", 0), HAS_SERVER_FAULT)),
};

/** From the last byte of the request to the last of the answer: a client that sends slowly makes no server slow. */
const ANSWER_TIME = "%COMMON_DURATION(US_TX_END:US_RX_END:us)%";
const WHOLE_TIME = "%DURATION%";

/** The logs of Envoy's router filter, of each try. */
export function firstTryLogs(modelDeployment: string): readonly JsonObject[] {
  return FIRST_TRY_ENDS.map((end) => ({
    name: "envoy.access_loggers.stats",
    filter: ENDED[end],
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.access_loggers.stats.v3.Config",
      stats_scope: { prefix: FIRST_TRY_PREFIX },
      histograms: [
        {
          stat: { name: end, tags: tagsOf(modelDeployment, end) },
          unit: end === "answered" ? "Microseconds" : "Milliseconds",
          value_format: end === "answered" ? ANSWER_TIME : WHOLE_TIME,
        },
      ],
    },
  }));
}

/** In the order in which they stand in the name of the statistic. */
function tagsOf(modelDeployment: string, end: FirstTryEnd): JsonObject[] {
  const tag = (name: string, value_format: string) => ({ name, value_format });
  return [
    tag("model_deployment", modelDeployment),
    tag("arm", `%REQ(${PETREL_HEADER.uncompared}?${PETREL_HEADER.arm})%`),
    tag("priority", `%METADATA(UPSTREAM_HOST:${ENDPOINT_METADATA}:priority)%`),
    ...(end === "unanswered" ? [tag("flags", "%RESPONSE_FLAGS%")] : []),
  ];
}
