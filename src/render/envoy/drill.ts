/**
 * Faults inside Envoy: servers that stand in for those of the pool that a drill takes away.
 *
 * The probes of a drill have a cluster of their own, with the pools of the arm, in which stand-ins take the place of the
 * target's servers. A stand-in is a socket of Envoy itself, behind which are the target's servers, and between the two is a
 * fault that headers of the route switch on. So one change of the routes begins the fault and one ends it, on connections that
 * are there already; the cluster notices it, retries and ejects as it would with any server; and no server is touched, nor
 * anybody's request but the probes'. The checks of a stand-in's health reach the servers behind it: they go on to pass.
 */
import { parseDurationMilliseconds } from "../../api/duration.ts";
import type { PlannedFault } from "../../api/planned-drill.ts";
import type { PlannedPool } from "../../api/traffic-plan.ts";
import type { Protocol } from "./cluster.ts";
import type { ModelServerEndpoint } from "./endpoints.ts";
import { type JsonObject, protoDuration, setHeader, TYPE_URL, type TypedMessage } from "./resource.ts";

/** Sockets of a target, so stand-ins at most. */
const SOCKETS = 16;

/** Answer of a stand-in: which fault it met, in Envoy's own words. Absent where it met none. */
export const FAULT_HEADER = "x-petrel-fault";

/** What {@link FAULT_HEADER} says of a try that was answered by the fault, and of one that was delayed. */
export const FAULT_FLAG = { aborted: "FI", delayed: "DI" } as const;

/** `google.rpc.Code` of what is answered over gRPC. */
const GRPC_UNAVAILABLE = 14;

/** With an underscore, so that no ModelDeployment can have the same name. */
export function faultListenerName(modelDeployment: string): string {
  return `${modelDeployment}_fault`;
}

/** Sockets without a file, which the network of the pod alone reaches. */
function socketPath(modelDeployment: string, index: number): string {
  return `@petrel-fault/${modelDeployment}/${index}`;
}

/** The target with as many replicas as it has stand-ins: they follow its replicas, for endpoints may change at any time. */
export function standInPool({ pool, revision, replicas }: PlannedPool): PlannedPool {
  return { pool, revision, replicas: Math.max(1, Math.min(SOCKETS, replicas)) };
}

/** What stands in for the servers of a pool, which is as {@link standInPool} has it. */
export function standIns(
  modelDeployment: string,
  { pool, revision, replicas }: PlannedPool,
): readonly ModelServerEndpoint[] {
  return Array.from({ length: replicas }, (_, index) => ({
    pod: `stand-in-${index}`,
    ip: "",
    socketPath: socketPath(modelDeployment, index),
    pool,
    revision,
  }));
}

/** Headers of a request that meets a fault. */
export function faultHeaders(protocol: Protocol, fault: PlannedFault | undefined): readonly JsonObject[] {
  if (fault === undefined) return [];
  const { status, delay } = fault;
  const abort =
    protocol === "rest"
      ? ["x-envoy-fault-abort-request", String(status)]
      : ["x-envoy-fault-abort-grpc-request", String(GRPC_UNAVAILABLE)];
  return [
    ...(status === undefined ? [] : [abort]),
    ...(delay === undefined
      ? []
      : [["x-envoy-fault-delay-request", String(Math.ceil(parseDurationMilliseconds(delay)))]]),
  ].map(([key = "", value = ""]) => setHeader(key, value));
}

/** What the listener of the stand-ins needs to know. */
export interface FaultListenerInput {
  readonly modelDeployment: string;
  /** Clusters of the target's servers. */
  readonly clusters: Readonly<Record<Protocol, string>>;
  readonly timeoutMilliseconds: number;
}

const EVERY = { numerator: 100, denominator: "HUNDRED" } as const;

const FAULT_FILTER: JsonObject = {
  name: "envoy.filters.http.fault",
  typed_config: {
    "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
    abort: { header_abort: {}, percentage: EVERY },
    delay: { header_delay: {}, percentage: EVERY },
  },
};

const ROUTER_FILTER: JsonObject = {
  name: "envoy.filters.http.router",
  typed_config: {
    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
    suppress_envoy_headers: true,
  },
};

/** An answer by the fault itself says so. */
const TELL_OF_ABORTS: JsonObject = {
  mappers: [
    {
      filter: { response_flag_filter: { flags: [FAULT_FLAG.aborted] } },
      headers_to_add: [setHeader(FAULT_HEADER, FAULT_FLAG.aborted)],
    },
  ],
};

/**
 * Renders the sockets of all stand-ins. It is the same with and without the fault, and all sockets are always there: Envoy
 * refuses a listener that is to change its addresses, and with it the plan that would end the fault.
 */
export function renderFaultListener({
  modelDeployment,
  clusters,
  timeoutMilliseconds,
}: FaultListenerInput): TypedMessage {
  const name = faultListenerName(modelDeployment);
  const address = (index: number): JsonObject => ({ pipe: { path: socketPath(modelDeployment, index) } });
  const others = Array.from({ length: SOCKETS - 1 }, (_, index) => ({ address: address(index + 1) }));
  const route = (match: JsonObject, cluster: string): JsonObject => ({
    match: { prefix: "/", ...match },
    // A server that answers is told of by nothing: only a delay gives a flag here.
    response_headers_to_add: [
      { ...setHeader(FAULT_HEADER, "%RESPONSE_FLAGS%"), append_action: "ADD_IF_ABSENT" },
    ],
    route: { cluster, timeout: protoDuration(timeoutMilliseconds) },
  });
  return {
    "@type": TYPE_URL.listener,
    name,
    address: address(0),
    additional_addresses: others,
    // Clients are counted where they come in.
    ignore_global_conn_limit: true,
    filter_chains: [
      {
        filters: [
          {
            name: "envoy.filters.network.http_connection_manager",
            typed_config: {
              "@type":
                "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
              stat_prefix: name,
              codec_type: "AUTO",
              route_config: {
                name,
                validate_clusters: false,
                virtual_hosts: [
                  {
                    name,
                    domains: ["*"],
                    routes: [route({ grpc: {} }, clusters.grpc), route({}, clusters.rest)],
                  },
                ],
              },
              http_filters: [FAULT_FILTER, ROUTER_FILTER],
              local_reply_config: TELL_OF_ABORTS,
            },
          },
        ],
      },
    ],
  };
}
