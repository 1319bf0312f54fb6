/**
 * Routes of one ModelDeployment: which arm answers a request, and what is retried.
 *
 * The two protocols have a route each, because they lead to different ports. Both split the requests among the
 * arms in the same way, the candidate first in the list, so that a growing weight keeps those who are in it.
 */

import type { Protocol } from "./cluster.ts";
import { ENDPOINT_METADATA } from "./endpoints.ts";
import type { JsonObject } from "./resource.ts";
import { protoDuration, setHeader, TYPE_URL, type TypedMessage } from "./resource.ts";

/** Headers of requests and answers. A client that sends one with this prefix is not believed. */
export const PETREL_HEADER_PREFIX = "x-petrel-";
/** Headers that the router sets. */
export const PETREL_HEADER = {
  /** Request: the arm that the request belongs to, even when another revision answers in its place. */
  arm: `${PETREL_HEADER_PREFIX}arm`,
  /** Request: the epoch of the traffic plan that chose the arm. */
  epoch: `${PETREL_HEADER_PREFIX}epoch`,
  /** Answer: the model revision that answered. */
  revision: `${PETREL_HEADER_PREFIX}revision`,
} as const;

/**
 * Largest request body that is kept for a retry: that of a model server (16 MiB) and some room. A larger one
 * passes through and is not retried.
 */
export const RETRY_BUFFER_BYTES = 17 * 2 ** 20;

/** Tries after the first. With pools in reserve, each goes to a pool that has not been tried. */
const RETRIES = 2;

/** How long a stream may be silent beyond the time that its answer may take. */
const IDLE_GRACE_MILLISECONDS = 5_000;

/** One arm with the name of its cluster for each protocol. */
export interface RoutedArm {
  readonly name: "Stable" | "Candidate";
  readonly weight: number;
  readonly clusters: Readonly<Record<Protocol, string>>;
}

/** What the routes need to know. */
export interface RouteInput {
  readonly modelDeployment: string;
  readonly epoch: number;
  readonly timeoutMilliseconds: number;
  readonly perTryTimeoutMilliseconds: number;
  readonly arms: readonly RoutedArm[];
}

/** Renders the route configuration. */
export function renderRoutes(input: RouteInput): TypedMessage {
  return {
    "@type": TYPE_URL.route,
    name: input.modelDeployment,
    // An answer by a fallback pool names the revision that really answered.
    response_headers_to_add: [
      setHeader(PETREL_HEADER.revision, `%UPSTREAM_METADATA(${ENDPOINT_METADATA}:revision)%`),
    ],
    virtual_hosts: [
      {
        name: input.modelDeployment,
        domains: ["*"],
        routes: [
          { match: { prefix: "/", grpc: {} }, ...renderAction("grpc", input) },
          { match: { prefix: "/" }, ...renderAction("rest", input) },
        ],
      },
    ],
  };
}

function renderAction(protocol: Protocol, input: RouteInput): JsonObject {
  const { modelDeployment, epoch, timeoutMilliseconds, perTryTimeoutMilliseconds, arms } = input;
  if (arms.length === 0) {
    const text = `no model server of ModelDeployment ${modelDeployment} can answer yet`;
    return { direct_response: { status: 503, body: { inline_string: text } } };
  }
  return {
    request_body_buffer_limit: RETRY_BUFFER_BYTES,
    request_headers_to_add: [setHeader(PETREL_HEADER.epoch, String(epoch))],
    route: {
      weighted_clusters: { clusters: candidateFirst(arms).map((arm) => weightedCluster(arm, protocol)) },
      timeout: protoDuration(timeoutMilliseconds),
      idle_timeout: protoDuration(timeoutMilliseconds + IDLE_GRACE_MILLISECONDS),
      retry_policy: retryPolicy(protocol, perTryTimeoutMilliseconds),
    },
  };
}

function candidateFirst(arms: readonly RoutedArm[]): readonly RoutedArm[] {
  return [
    ...arms.filter(({ name }) => name === "Candidate"),
    ...arms.filter(({ name }) => name !== "Candidate"),
  ];
}

function weightedCluster({ name, weight, clusters }: RoutedArm, protocol: Protocol): JsonObject {
  return {
    name: clusters[protocol],
    weight,
    request_headers_to_add: [setHeader(PETREL_HEADER.arm, name)],
  };
}

/**
 * An inference has no side effect, so every failure that may pass elsewhere is retried: no connection, a reset,
 * 502, 503, 504, and the time-out of a try. gRPC says "unavailable" with HTTP status 200, so it needs a
 * condition of its own. 429 is in no list: retried overload becomes an outage.
 */
function retryPolicy(protocol: Protocol, perTryTimeoutMilliseconds: number): JsonObject {
  const conditions = ["connect-failure", "refused-stream", "reset", "gateway-error"];
  return {
    retry_on: [...conditions, ...(protocol === "grpc" ? ["unavailable"] : [])].join(","),
    num_retries: RETRIES,
    per_try_timeout: protoDuration(perTryTimeoutMilliseconds),
    retry_back_off: { base_interval: protoDuration(5), max_interval: protoDuration(20) },
    retry_priority: {
      name: "envoy.retry_priorities.previous_priorities",
      typed_config: {
        "@type":
          "type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
        update_frequency: 1,
      },
    },
    retry_host_predicate: [
      {
        name: "envoy.retry_host_predicates.previous_hosts",
        typed_config: {
          "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
        },
      },
    ],
    host_selection_retry_max_attempts: 5,
  };
}
