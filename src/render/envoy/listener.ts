/**
 * The listener of one ModelDeployment: the port, the door, the limits on what clients may send, the form of errors.
 *
 * It depends on name, address, port, door and whether answers are counted. A listener that changes drains its connections, so whatever else
 * a traffic plan changes belongs into the routes.
 */
import type { Door } from "../../api/credential.ts";
import { accessLogsOf } from "./access-log.ts";
import { renderTls, type SecretFile, tokenFilters } from "./door.ts";
import { firstTryLogs } from "./first-tries.ts";
import type { ConfigurationLayout } from "./layout.ts";
import { loadLogs } from "./load-statistics.ts";
import type { JsonObject } from "./resource.ts";
import { fileSource, protoDuration, setHeader, TYPE_URL, type TypedMessage } from "./resource.ts";
import { PETREL_HEADER_PREFIX } from "./route.ts";

/** `google.rpc.Code` of overload. */
const GRPC_RESOURCE_EXHAUSTED = 8;

const CONNECTION_BUFFER_BYTES = 2 ** 20;

/** What a listener needs to know. */
export interface ListenerInput {
  readonly modelDeployment: string;
  /** Wildcard address of the pod's IP family: `0.0.0.0` or `::`. */
  readonly address: string;
  readonly port: number;
  /** Its keys of an issuer are inline. */
  readonly door: Door;
  /** Whether answers are counted. */
  readonly isCounted: boolean;
  readonly layout: ConfigurationLayout;
}

/** A listener and the files that it refers to. */
export interface RenderedListener {
  readonly resource: TypedMessage;
  readonly secrets: readonly SecretFile[];
}

/** Renders the listener. Its name is that of the ModelDeployment. */
export function renderListener(input: ListenerInput): RenderedListener {
  const { modelDeployment, address, port, door, layout } = input;
  const { fields, secrets } = renderTls(door, layout);
  const resource = {
    "@type": TYPE_URL.listener,
    name: modelDeployment,
    address: { socket_address: { address, port_value: port } },
    per_connection_buffer_limit_bytes: CONNECTION_BUFFER_BYTES,
    filter_chains: [{ ...fields, filters: [connectionManager(input)] }],
  };
  return { resource, secrets };
}

function connectionManager({ modelDeployment, door, isCounted, layout }: ListenerInput): JsonObject {
  return {
    name: "envoy.filters.network.http_connection_manager",
    typed_config: {
      "@type":
        "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
      stat_prefix: modelDeployment,
      // HTTP/1.1 and HTTP/2 without TLS (gRPC) share the port.
      codec_type: "AUTO",
      rds: { route_config_name: modelDeployment, config_source: fileSource(layout.routes(modelDeployment)) },
      http_filters: [
        distrustClientHeaders(),
        ...tokenFilters(door.authentication),
        countGrpc(),
        {
          name: "envoy.filters.http.router",
          typed_config: {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
            suppress_envoy_headers: true,
            upstream_log: firstTryLogs(modelDeployment),
          },
        },
      ],
      access_log: [...(isCounted ? accessLogsOf(layout) : []), ...loadLogs(modelDeployment)],
      ...LIMITS,
      ...TRUST,
      local_reply_config: LOCAL_REPLY,
    },
  };
}

/**
 * Bounds on clients, after Envoy's guide for servers at the edge. The time for an answer is the route's; a body
 * may stream in for a minute.
 */
const LIMITS: JsonObject = {
  max_request_headers_kb: 32,
  request_headers_timeout: protoDuration(10_000),
  request_timeout: protoDuration(60_000),
  stream_idle_timeout: protoDuration(60_000),
  common_http_protocol_options: {
    max_headers_count: 100,
    idle_timeout: protoDuration(300_000),
    // Long-lived connections end in good order now and then, so that clients spread over all routers again.
    max_connection_duration: protoDuration(900_000),
  },
  // An HTTP/1.1 connection ends with an answer, never while a request may be under way on it.
  http1_safe_max_connection_duration: true,
  http2_protocol_options: {
    max_concurrent_streams: 1_000,
    initial_stream_window_size: 2 ** 20,
    initial_connection_window_size: 4 * 2 ** 20,
  },
};

/** The peer's address is the client's address, no client is inside, and a path has one spelling. */
const TRUST: JsonObject = {
  use_remote_address: true,
  internal_address_config: { cidr_ranges: [] },
  normalize_path: true,
  merge_slashes: true,
  path_with_escaped_slashes_action: "REJECT_REQUEST",
  server_header_transformation: "PASS_THROUGH",
};

/**
 * Removes headers that only routers may set: our own, and those by which a request could change its time-out
 * or its retries.
 */
function distrustClientHeaders(): JsonObject {
  return {
    name: "envoy.filters.http.header_mutation",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
      mutations: {
        request_mutations: [PETREL_HEADER_PREFIX, "x-envoy-"].map((prefix) => ({
          remove_on_match: { key_matcher: { prefix, ignore_case: true } },
        })),
      },
    },
  };
}

/**
 * Counts calls of gRPC by their own status, for each cluster: to HTTP a failed call is an answer with 200. Not by
 * method: its name is the client's to choose.
 */
function countGrpc(): JsonObject {
  return {
    name: "envoy.filters.http.grpc_stats",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.filters.http.grpc_stats.v3.FilterConfig",
      stats_for_all_methods: false,
    },
  };
}

const IS_GRPC: JsonObject = contentTypeFilter({ invert_match: false });
const IS_REST: JsonObject = contentTypeFilter({ invert_match: true });
/** A circuit breaker is open: too many requests, or retries, are in flight. */
const IS_OVERFLOW: JsonObject = { response_flag_filter: { flags: ["UO"] } };

/** Envoy itself answers 500 only where it is short of memory. It gives no flag then. */
const IS_SHORT_OF_MEMORY: JsonObject = {
  status_code_filter: {
    comparison: { op: "EQ", value: { default_value: 500, runtime_key: "petrel.short_of_memory" } },
  },
};

const OVERFLOW_BODY: JsonObject = { inline_string: "too many requests are in flight; try again later" };
/** Errors of the Open Inference Protocol have this form. */
const ERROR_FORMAT: JsonObject = { json_format: { error: "%LOCAL_REPLY_BODY%" } };

/**
 * Errors of Envoy itself have the form of the Open Inference Protocol, `{"error": text}`. gRPC has a form of
 * its own, which Envoy makes. The first mapper that matches is the only one.
 *
 * Overflow is overload, so it is answered as a model server answers it: 429, or RESOURCE_EXHAUSTED. Envoy's own
 * 503 would have clients try at once again, and means that nothing is ready.
 */
const LOCAL_REPLY: JsonObject = {
  mappers: [
    {
      filter: { and_filter: { filters: [IS_OVERFLOW, IS_REST] } },
      status_code: 429,
      headers_to_add: [setHeader("retry-after", "1")],
      body: OVERFLOW_BODY,
      body_format_override: ERROR_FORMAT,
    },
    {
      filter: { and_filter: { filters: [IS_OVERFLOW, IS_GRPC] } },
      // By the table of gRPC, 429 alone would be UNAVAILABLE.
      headers_to_add: [setHeader("grpc-status", String(GRPC_RESOURCE_EXHAUSTED))],
      body: OVERFLOW_BODY,
    },
    // To clients this is no error of the model: the same request may succeed a moment later.
    {
      filter: { and_filter: { filters: [IS_SHORT_OF_MEMORY, IS_REST] } },
      status_code: 503,
      headers_to_add: [setHeader("retry-after", "1")],
      body: { inline_string: "the router is short of memory; try again later" },
      body_format_override: ERROR_FORMAT,
    },
    { filter: IS_REST, body_format_override: ERROR_FORMAT },
  ],
};

function contentTypeFilter(match: JsonObject): JsonObject {
  const header = {
    name: "content-type",
    string_match: { prefix: "application/grpc" },
    treat_missing_header_as_empty: true,
    ...match,
  };
  return { header_filter: { header } };
}
