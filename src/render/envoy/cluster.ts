/**
 * Clusters: how Envoy reaches, checks and judges the model servers of one arm.
 *
 * A cluster's name holds a hash of its whole content and of its pools. So a cluster never changes under its
 * name: another chain of pools, or another setting, is another cluster, which is warmed before any route
 * leads to it. Its endpoints alone change, in a file of their own (see `endpoints.ts`).
 */

import { contentHash } from "../../api/content-hash.ts";
import type { TrafficArm } from "../../api/traffic-plan.ts";
import type { ConfigurationLayout } from "./layout.ts";
import { fileSource, type JsonObject, protoDuration, TYPE_URL, type TypedMessage } from "./resource.ts";

/** The two protocols of the Open Inference Protocol. They have ports of their own in a model pod. */
export type Protocol = "rest" | "grpc";

/** Requests in flight to one arm from one router; more are answered with 429 (see `listener.ts`). */
const MAXIMUM_REQUESTS = 4_096;

/**
 * Copies of requests in flight to a candidate from one router. Nobody waits for their answers: what is beyond this is not
 * sent, so that a candidate that hangs holds no memory of the router's that requests need.
 */
const MAXIMUM_COPIES = 128;

/**
 * Retries in flight that are always allowed. When a whole pool breaks, every request in flight is retried at
 * once, and then none counts as active: a share of the active ones alone would refuse most of the retries.
 */
const ASSURED_RETRIES = 1_024;

/**
 * Below the 5 s after which Node's HTTP server, and others, close an idle connection: the request that
 * meets a closing connection would be a needless retry.
 */
const UPSTREAM_IDLE_MILLISECONDS = 4_000;

/**
 * Who is reached by a cluster of a drill: the probes' chain of pools, with stand-ins for the target; the stand-ins alone; the
 * servers behind them.
 */
export type DrillRole = "Probes" | "Witnesses" | "Target";

/** What a cluster needs to know. */
export interface ClusterInput {
  readonly modelDeployment: string;
  /** Who is reached by it. */
  readonly arm: Pick<TrafficArm, "pools"> & { readonly name: TrafficArm["name"] | "Mirror" | DrillRole };
  readonly protocol: Protocol;
  readonly perTryTimeoutMilliseconds: number;
  readonly layout: ConfigurationLayout;
}

/** A cluster under its name. */
export interface NamedCluster {
  readonly name: string;
  readonly resource: TypedMessage;
}

/** Renders the cluster of one arm and protocol. */
export function renderCluster(input: ClusterInput): NamedCluster {
  const { modelDeployment, arm, protocol, layout } = input;
  const settings = clusterSettings(input);
  const chain = arm.pools.map(({ pool, revision }) => [pool, revision]);
  const hash = contentHash([settings, chain]);
  const name = [modelDeployment, arm.name.toLowerCase(), hash, protocol].join("_");
  return {
    name,
    resource: {
      "@type": TYPE_URL.cluster,
      name,
      type: "EDS",
      eds_cluster_config: { eds_config: fileSource(layout.endpoints(name)) },
      ...settings,
    },
  };
}

function clusterSettings({ arm, protocol, perTryTimeoutMilliseconds }: ClusterInput): JsonObject {
  const most = arm.name === "Mirror" ? MAXIMUM_COPIES : MAXIMUM_REQUESTS;
  return {
    lb_policy: "LEAST_REQUEST",
    connect_timeout: protoDuration(connectTimeoutMilliseconds(perTryTimeoutMilliseconds)),
    // Without it a host that left the endpoints keeps its traffic as long as it passes its health check.
    ignore_health_on_host_removal: true,
    common_lb_config: {
      // At 0 a cluster whose checks are all merely slow answers nothing; priorities spill over before this.
      healthy_panic_threshold: { value: 1 },
    },
    health_checks: [healthCheck(protocol)],
    // A witness must get to the target whatever becomes of it there.
    ...(arm.name === "Witnesses" ? {} : { outlier_detection: OUTLIER_DETECTION }),
    circuit_breakers: {
      thresholds: [
        {
          max_connections: most,
          max_pending_requests: most,
          max_requests: most,
          retry_budget: { budget_percent: { value: 100 }, min_retry_concurrency: ASSURED_RETRIES },
        },
      ],
    },
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": upstreamProtocol(protocol),
    },
  };
}

/**
 * A connection that is not there soon will not come: the try must leave time to go elsewhere. Model pods are
 * in the same cluster, so a quarter of the time of a try is ample.
 */
export function connectTimeoutMilliseconds(perTryTimeoutMilliseconds: number): number {
  return Math.min(250, Math.max(10, Math.floor(perTryTimeoutMilliseconds / 4)));
}

/**
 * All the intervals are named: those that Envoy uses without traffic or for a failed host are 60 s by default.
 * gRPC servers are asked by the standard gRPC health protocol, on the port that serves.
 */
function healthCheck(protocol: Protocol): JsonObject {
  const interval = protoDuration(500);
  return {
    timeout: protoDuration(1_000),
    interval,
    no_traffic_interval: interval,
    no_traffic_healthy_interval: interval,
    unhealthy_interval: interval,
    unhealthy_edge_interval: interval,
    healthy_edge_interval: interval,
    interval_jitter: protoDuration(50),
    unhealthy_threshold: 2,
    healthy_threshold: 1,
    ...(protocol === "rest"
      ? { http_health_check: { path: "/v2/health/ready" } }
      : { grpc_health_check: {} }),
  };
}

/**
 * Ejects a host that answers 502, 503 or 504 three times in a row, or fails two connections. Envoy reads gRPC
 * codes as HTTP ones, so UNAVAILABLE counts. Two things never eject: 429, because overload moved elsewhere is
 * overload there, and 500, because a single request that a model cannot compute would empty the pool.
 *
 * A passed health check ends an ejection. A server that is ready and yet fails then costs a few retries at each
 * check; without it, a stall of less than a second of the last good server was seen to cost five seconds of failed
 * requests, because every server was out and the load went to broken ones, too.
 */
const OUTLIER_DETECTION: JsonObject = {
  interval: protoDuration(500),
  base_ejection_time: protoDuration(5_000),
  max_ejection_time: protoDuration(30_000),
  max_ejection_percent: 100,
  consecutive_gateway_failure: 3,
  enforcing_consecutive_gateway_failure: 100,
  enforcing_consecutive_5xx: 0,
  split_external_local_origin_errors: true,
  consecutive_local_origin_failure: 2,
  enforcing_consecutive_local_origin_failure: 100,
  enforcing_success_rate: 0,
  enforcing_local_origin_success_rate: 0,
  successful_active_health_check_uneject_host: true,
};

function upstreamProtocol(protocol: Protocol): TypedMessage {
  return {
    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
    common_http_protocol_options: { idle_timeout: protoDuration(UPSTREAM_IDLE_MILLISECONDS) },
    explicit_http_config:
      protocol === "rest"
        ? { http_protocol_options: {} }
        : {
            http2_protocol_options: {
              connection_keepalive: { interval: protoDuration(5_000), timeout: protoDuration(2_000) },
            },
          },
  };
}
