/**
 * How Envoy counts the load of a ModelDeployment: the requests that ended, those that held a server, and for how long they were
 * under way.
 *
 * They are counters of Envoy: no line is written, and reading them costs the same for any number of requests. Only requests that
 * an arm was chosen for count, so labels, health checks and what the door refuses are no load. The time is that of whole
 * requests, so what waits in a server counts for as long as it waits.
 */
import { OF_AN_ARM } from "./access-log.ts";
import type { GRPC_FAULT_CODES } from "./first-try-statistics.ts";
import type { JsonObject } from "./resource.ts";

/** Beginning of the names of all these statistics. */
export const LOAD_PREFIX = "petrel.load";

/** The counters, by what they count. */
export const LOAD_COUNTERS = ["ended", "answered", "busy_microseconds", "given_up_milliseconds"] as const;

/** One of {@link LOAD_COUNTERS}. */
export type LoadCounter = (typeof LOAD_COUNTERS)[number];

/** From the first byte of the request to the last one of the answer. */
const BUSY_TIME = "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%";
/** To the end of a request whose answer has no last byte, which is no number above: Envoy has it in milliseconds alone. */
const GIVEN_UP_TIME = "%DURATION%";
/** The client went before all of an answer, or any (status 0): under overload the usual end, after a time-out of its own. */
const GIVEN_UP: JsonObject = {
  or_filter: {
    filters: [
      {
        status_code_filter: {
          comparison: { op: "EQ", value: { default_value: 0, runtime_key: "petrel.load_eq_0" } },
        },
      },
      { response_flag_filter: { flags: ["DC", "DR"] } },
    ],
  },
};
/** By the server or by Envoy, before any work: overload, or no server. What timed out has held one. */
const REFUSED_STATUS = [429, 503] as const;
const REFUSED_GRPC = [
  "RESOURCE_EXHAUSTED",
  "UNAVAILABLE",
] as const satisfies (keyof typeof GRPC_FAULT_CODES)[];

const and = (...filters: JsonObject[]): JsonObject => ({ and_filter: { filters } });

/**
 * A route was chosen, and with it a cluster of the arm. What Envoy refuses before its filters has the header that names the arm
 * as the client sent it, and no cluster.
 */
const HAS_A_CLUSTER: JsonObject = {
  extension_filter: {
    name: "envoy.access_loggers.extension_filters.cel",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
      expression: "xds.cluster_name != ''",
    },
  },
};
const IS_LOAD = and(OF_AN_ARM, HAS_A_CLUSTER);

const HELD_A_SERVER = and(
  OF_AN_ARM,
  HAS_A_CLUSTER,
  ...REFUSED_STATUS.map((code) => ({
    status_code_filter: {
      comparison: { op: "NE", value: { default_value: code, runtime_key: `petrel.load_ne_${code}` } },
    },
  })),
  { grpc_status_filter: { statuses: [...REFUSED_GRPC], exclude: true } },
);

/** The logs of the connection manager of a ModelDeployment that count its load. */
export function loadLogs(modelDeployment: string): readonly JsonObject[] {
  const counter = (name: LoadCounter, value: JsonObject): JsonObject => ({
    stat: { name, tags: [{ name: "model_deployment", value_format: modelDeployment }] },
    ...value,
  });
  const log = (filter: JsonObject, ...counters: JsonObject[]): JsonObject => ({
    name: "envoy.access_loggers.stats",
    filter,
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.access_loggers.stats.v3.Config",
      stats_scope: { prefix: LOAD_PREFIX },
      counters,
    },
  });
  return [
    log(IS_LOAD, counter("ended", { value_fixed: 1 })),
    log(
      HELD_A_SERVER,
      counter("answered", { value_fixed: 1 }),
      counter("busy_microseconds", { value_format: BUSY_TIME }),
    ),
    log(and(HELD_A_SERVER, GIVEN_UP), counter("given_up_milliseconds", { value_format: GIVEN_UP_TIME })),
  ];
}
