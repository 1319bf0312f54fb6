/**
 * What Envoy starts with: where its configuration comes from, its administration, its metrics, its limits.
 *
 * The administration can stop Envoy and shows everything, so it listens on loopback only; a listener of its
 * own lets out metrics and readiness, and nothing else. This file is read once: a change needs a new Envoy.
 */
import { FIRST_TRY_BUCKETS } from "./first-try-statistics.ts";
import type { ConfigurationLayout } from "./layout.ts";
import type { JsonObject } from "./resource.ts";
import { fileSource, protoDuration } from "./resource.ts";

/** What the bootstrap needs to know. */
export interface BootstrapInput {
  /** Name of the router pod, as Envoy reports it. */
  readonly nodeId: string;
  /** Wildcard address of the pod's IP family: `0.0.0.0` or `::`. */
  readonly address: string;
  /** Port of Envoy's administration, on loopback. */
  readonly adminPort: number;
  /** Port on which metrics and readiness are shown. */
  readonly metricsPort: number;
  /** Connections of clients, over all listeners. */
  readonly maximumConnections: number;
  /** Memory that Envoy's container may use. */
  readonly memoryBytes: number;
  /** Where labels go; absent where none are taken. */
  readonly collector?: { readonly host: string; readonly port: number };
  readonly layout: ConfigurationLayout;
}

/** With an underscore, so that no ModelDeployment can have the same name. */
const ADMIN_CLUSTER = "petrel_admin";
/** Name of the cluster of the collector. */
export const COLLECTOR_CLUSTER = "petrel_collector";
/** Where Envoy shows metrics and readiness. Its statistics have this name, too. */
export const METRICS_LISTENER = "petrel_metrics";
/**
 * Beginnings of all that the router asks of the administration. Whoever gets into the pod's network cannot
 * ask for more.
 */
const ADMIN_PATHS = ["/ready", "/stats", "/server_info", "/config_dump", "/drain_listeners", "/reopen_logs"];
const LOOPBACK = "127.0.0.1";

/**
 * Of the memory of its container, what Envoy's heap may use. The rest is for the program itself and for what comes in
 * between two looks at the heap.
 */
const HEAP_SHARE = 800 / 1024;
const HEAP_MONITOR = "envoy.resource_monitors.fixed_heap";

/**
 * A stream of HTTP/2 is counted by its buffers from 2^20 bytes on: only large bodies, kept for a retry or for a
 * slow reader, are ever reset.
 */
const TRACKED_STREAM_POWER_OF_TWO = 20;

/** Renders the bootstrap. */
export function renderBootstrap(input: BootstrapInput): JsonObject {
  const { nodeId, address, adminPort, metricsPort, collector, layout } = input;
  return {
    node: { id: nodeId, cluster: "petrel-router" },
    admin: {
      address: socketAddress(LOOPBACK, adminPort),
      allow_paths: ADMIN_PATHS.map((prefix) => ({ prefix })),
    },
    dynamic_resources: {
      lds_config: fileSource(layout.listeners),
      cds_config: fileSource(layout.clusters),
    },
    static_resources: {
      listeners: [metricsListener(address, metricsPort)],
      clusters: [adminCluster(adminPort), ...(collector === undefined ? [] : [collectorCluster(collector)])],
    },
    overload_manager: overloadManager(input),
    stats_config: { histogram_bucket_settings: FIRST_TRY_BUCKETS },
  };
}

/**
 * Nothing of this is set by default: connections, or bodies that are kept for a retry, could use up the memory,
 * and the kernel would end Envoy with all its requests. As the heap fills, first free memory is given back, then the
 * streams of HTTP/2 with the largest buffers are reset and, more and more often, connections of HTTP/1.1 on which
 * data arrives are ended: Envoy does not count their buffers, but who sends much is met most. At last new requests
 * are answered with 503.
 */
function overloadManager({ maximumConnections, memoryBytes }: BootstrapInput): JsonObject {
  const whenHeapIs = (trigger: JsonObject) => [{ name: HEAP_MONITOR, ...trigger }];
  return {
    // Bodies of 17 MiB come in fast: by default the heap is looked at once a second.
    refresh_interval: protoDuration(100),
    resource_monitors: [
      {
        name: "envoy.resource_monitors.global_downstream_max_connections",
        typed_config: {
          "@type":
            "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
          max_active_downstream_connections: maximumConnections,
        },
      },
      {
        name: HEAP_MONITOR,
        typed_config: {
          "@type": "type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
          max_heap_size_bytes: Math.floor(memoryBytes * HEAP_SHARE),
        },
      },
    ],
    buffer_factory_config: { minimum_account_to_track_power_of_two: TRACKED_STREAM_POWER_OF_TWO },
    loadshed_points: [
      {
        name: "envoy.load_shed_points.http1_server_abort_dispatch",
        triggers: whenHeapIs({ scaled: { scaling_threshold: 0.7, saturation_threshold: 0.9 } }),
      },
    ],
    actions: [
      {
        name: "envoy.overload_actions.shrink_heap",
        triggers: whenHeapIs({ threshold: { value: 0.8 } }),
      },
      {
        name: "envoy.overload_actions.reset_high_memory_stream",
        triggers: whenHeapIs({ scaled: { scaling_threshold: 0.85, saturation_threshold: 0.95 } }),
      },
      {
        name: "envoy.overload_actions.stop_accepting_requests",
        triggers: whenHeapIs({ threshold: { value: 0.95 } }),
      },
    ],
  };
}

function metricsListener(address: string, port: number): JsonObject {
  return {
    name: METRICS_LISTENER,
    address: socketAddress(address, port),
    // Whoever uses up the connections or the memory must not hide it.
    ignore_global_conn_limit: true,
    bypass_overload_manager: true,
    filter_chains: [
      {
        filters: [
          {
            name: "envoy.filters.network.http_connection_manager",
            typed_config: {
              "@type":
                "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
              stat_prefix: METRICS_LISTENER,
              route_config: { name: METRICS_LISTENER, virtual_hosts: [metricsHost()] },
              request_headers_timeout: protoDuration(5_000),
              request_timeout: protoDuration(10_000),
              common_http_protocol_options: { idle_timeout: protoDuration(120_000) },
              http_filters: [
                {
                  name: "envoy.filters.http.router",
                  typed_config: {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
                  },
                },
              ],
            },
          },
        ],
      },
    ],
  };
}

/** Only these two paths, and only reading. */
function metricsHost(): JsonObject {
  return {
    name: METRICS_LISTENER,
    domains: ["*"],
    routes: ["/stats/prometheus", "/ready"].map((path) => ({
      match: { path, headers: [{ name: ":method", string_match: { exact: "GET" } }] },
      route: { cluster: ADMIN_CLUSTER, timeout: protoDuration(10_000) },
    })),
  };
}

function adminCluster(adminPort: number): JsonObject {
  return {
    name: ADMIN_CLUSTER,
    type: "STATIC",
    connect_timeout: protoDuration(1_000),
    load_assignment: {
      cluster_name: ADMIN_CLUSTER,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(LOOPBACK, adminPort) } }] }],
    },
  };
}

/** By its name: the Service has one address as long as it stands, and may be made later than the router. */
function collectorCluster({ host, port }: NonNullable<BootstrapInput["collector"]>): JsonObject {
  return {
    name: COLLECTOR_CLUSTER,
    type: "STRICT_DNS",
    dns_lookup_family: "V4_PREFERRED",
    connect_timeout: protoDuration(1_000),
    load_assignment: {
      cluster_name: COLLECTOR_CLUSTER,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(host, port) } }] }],
    },
  };
}

function socketAddress(address: string, port: number): JsonObject {
  return { socket_address: { address, port_value: port } };
}
