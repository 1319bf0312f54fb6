/**
 * Routes of one ModelDeployment: which arm answers a request, and what is retried.
 *
 * The two protocols have a route each, because they lead to different ports. Both split the requests among the
 * arms in the same way, the candidate first in the list, so that a growing weight keeps those who are in it.
 *
 * Where users keep their arm, each protocol has another route for requests that name no user: Envoy would hash them
 * all alike. The salt is in the routes, which take effect at once on connections that are there already.
 */

import { ARM_NUMBER, type ArmName } from "../../api/arm.ts";
import type { PlannedDrill } from "../../api/planned-drill.ts";
import type { TrafficPlan } from "../../api/traffic-plan.ts";
import { COLLECTOR_CLUSTER } from "./bootstrap.ts";
import type { Protocol } from "./cluster.ts";
import { faultHeaders } from "./drill.ts";
import { ENDPOINT_METADATA } from "./endpoints.ts";
import { UNCOMPARED } from "./first-try-statistics.ts";
import type { JsonObject } from "./resource.ts";
import { protoDuration, setHeader, TYPE_URL, type TypedMessage } from "./resource.ts";

/** Headers of requests and answers. A client that sends one with this prefix is not believed. */
export const PETREL_HEADER_PREFIX = "x-petrel-";
/** Headers that the router sets. */
export const PETREL_HEADER = {
  /** Request: the arm that the request belongs to, even when another revision answers in its place. */
  arm: `${PETREL_HEADER_PREFIX}arm`,
  /** Request: there on requests that go to stable for another reason than chance, whose first tries are not compared. */
  uncompared: `${PETREL_HEADER_PREFIX}uncompared`,
  /** Request: the epoch of the traffic plan that chose the arm. */
  epoch: `${PETREL_HEADER_PREFIX}epoch`,
  /** Request: when it came, in seconds since the Unix epoch. */
  time: `${PETREL_HEADER_PREFIX}time`,
  /** Request: the user; absent where it names none. */
  user: `${PETREL_HEADER_PREFIX}user`,
  /**
   * Request: how its arm was chosen. `CANDIDATE/ALL SALT HEADER` with the weight of the candidate and of all, and the header
   * that names the user, where it follows from that; `-` where it cannot be computed again. In an experiment `CANDIDATE` is
   * `NUMBER=WEIGHT,NUMBER=WEIGHT,..` of all arms in the order of the route.
   */
  split: `${PETREL_HEADER_PREFIX}split`,
  /** Request: there where a copy of it goes to the candidate, which role the one has that carries it. */
  shadow: `${PETREL_HEADER_PREFIX}shadow`,
  /** Request: there on requests that are not to be counted. */
  excluded: `${PETREL_HEADER_PREFIX}excluded`,
  /** Request of a client: it takes part in a drill. The routes read it before it is taken away. */
  drill: `${PETREL_HEADER_PREFIX}drill`,
  /** Answer to who takes part in a drill: the pool that answered. */
  pool: `${PETREL_HEADER_PREFIX}pool`,
  /** Answer: the prediction token, to be sent back with labels. */
  token: `${PETREL_HEADER_PREFIX}token`,
  /** Answer: the model revision that answered. */
  revision: `${PETREL_HEADER_PREFIX}revision`,
} as const;

/** What {@link PETREL_HEADER.shadow} says: this one is answered to the client, or nobody waits for its answer. */
export const SHADOW_ROLE = { original: "Original", copy: "Copy" } as const;

/** As the arm of a copy. It is none: its answer gets no token, is no impression and no first try of an arm. */
const ARM_OF_COPIES = "Mirror";
/** As the arm of who takes part in a drill. It is none: what a fault does to it must look like nothing that clients meet. */
const ARM_OF_PROBES = "Drill";

/**
 * Largest request body that is kept for a retry: that of a model server (16 MiB) and some room. A larger one
 * passes through and is not retried.
 */
export const RETRY_BUFFER_BYTES = 17 * 2 ** 20;

/** So many characters of a user's name are told to model servers; one as long as that may have been longer. */
export const LONGEST_USER = 512;
/**
 * Names of users that get to model servers as they are hashed: of characters that nobody reads in another way, without a
 * comma, which may stand between two names, and without spaces at the ends, which some hop may cut off. By another name any
 * client could make a router look as if it split wrongly. Envoy takes no long expression, and of a header that comes twice
 * it matches each: length and number are for who checks to look at.
 */
const CHECKED_USER = "[!-+--~](?:[ -+--~]*[!-+--~])?";
/** The arm cannot be computed again. */
const UNCHECKED = "-";

/** Behind the key of a drill: the request is for the target alone, and is tried once. */
export const WITNESS_SUFFIX = "-witness";

/** Where clients send labels. */
export const FEEDBACK_PATH = "/feedback";

/** Longer than the collector takes for a request. */
const FEEDBACK_TIMEOUT_MILLISECONDS = 15_000;
/**
 * A post that comes twice counts once, so it is tried again: over some seconds, in which a collector begins anew or the
 * rules of a node learn of it. Envoy lets three posts wait so at a time; when there are more, they are answered at once.
 */
const FEEDBACK_RETRY_POLICY: JsonObject = {
  retry_on: "connect-failure,refused-stream,reset",
  num_retries: 5,
  retry_back_off: { base_interval: protoDuration(500), max_interval: protoDuration(2_000) },
};
const FEEDBACK_ROUTE: JsonObject = {
  match: { path: FEEDBACK_PATH },
  request_body_buffer_limit: RETRY_BUFFER_BYTES,
  route: {
    cluster: COLLECTOR_CLUSTER,
    timeout: protoDuration(FEEDBACK_TIMEOUT_MILLISECONDS),
    retry_policy: FEEDBACK_RETRY_POLICY,
  },
};

const TELL_POOL = setHeader(PETREL_HEADER.pool, `%UPSTREAM_METADATA(${ENDPOINT_METADATA}:pool)%`);

/** Tries after the first. With pools in reserve, each goes to a pool that has not been tried. */
const RETRIES = 2;

/** How long a stream may be silent beyond the time that its answer may take. */
const IDLE_GRACE_MILLISECONDS = 5_000;

/** One arm with the name of its cluster for each protocol. */
export interface RoutedArm {
  readonly name: ArmName;
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
  /** How answers are counted; absent where they are not. */
  readonly feedback?: NonNullable<TrafficPlan["feedback"]>;
  /** Of which share of the requests a copy goes to which clusters; absent where of none. Only beside a single arm. */
  readonly mirror?: { readonly share: number; readonly clusters: Readonly<Record<Protocol, string>> };
  /** The drill that goes on, with the clusters for who takes part in it. */
  readonly drill?: Pick<PlannedDrill, "key" | "fault"> & {
    readonly probes: Readonly<Record<Protocol, string>>;
    readonly witnesses: Readonly<Record<Protocol, string>>;
  };
  /** How the requests of one user find the same arm; absent where each request is for itself. */
  readonly stickiness?: NonNullable<TrafficPlan["stickiness"]>;
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
        // Switches the counting of first tries on (see `first-tries.ts`): without a release there is nothing to compare.
        ...(isOfRelease(input.arms) ? { include_request_attempt_count: true } : {}),
        routes: [
          ...(input.feedback === undefined ? [] : [FEEDBACK_ROUTE]),
          ...renderDrill("grpc", input),
          ...renderDrill("rest", input),
          ...renderProtocol("grpc", input),
          ...renderProtocol("rest", input),
        ],
      },
    ],
  };
}

const MATCH: Readonly<Record<Protocol, JsonObject>> = {
  grpc: { prefix: "/", grpc: {} },
  rest: { prefix: "/" },
};

/** The routes of who takes part in a drill: as all others, with the fault and without being counted. */
function renderDrill(protocol: Protocol, { drill, ...input }: RouteInput): readonly JsonObject[] {
  const [arm] = input.arms;
  if (drill === undefined || arm === undefined) return [];
  const { feedback: _uncounted, ...uncounted } = input;
  const headers = [setHeader(PETREL_HEADER.excluded, "1"), ...faultHeaders(protocol, drill.fault)];
  const routeOf = (key: string, clusters: RoutedArm["clusters"], isWitness: boolean): JsonObject => ({
    match: { ...MATCH[protocol], headers: [{ name: PETREL_HEADER.drill, string_match: { exact: key } }] },
    ...renderAction(
      protocol,
      { ...uncounted, arms: [{ ...arm, clusters }] },
      { isUncompared: true, probe: { headers, isWitness } },
    ),
  });
  return [
    routeOf(`${drill.key}${WITNESS_SUFFIX}`, drill.witnesses, true),
    routeOf(drill.key, drill.probes, false),
  ];
}

/** The routes of a protocol. Envoy takes the first one that matches. */
function renderProtocol(protocol: Protocol, input: RouteInput): readonly JsonObject[] {
  const { arms, stickiness, mirror } = input;
  if (stickiness === undefined || arms.length < 2) {
    const all = { match: MATCH[protocol], ...renderAction(protocol, input) };
    return mirror === undefined ? [all] : [renderMirrored(protocol, input, mirror), all];
  }
  const { header, anonymous, salt } = stickiness;
  const { feedback, ...uncounted } = input;
  const ofUser = (regex: string, split: string) => ({
    match: { ...MATCH[protocol], headers: [{ name: header, string_match: { safe_regex: { regex } } }] },
    ...renderAction(protocol, input, { user: { header, salt }, split }),
  });
  // What goes to stable for another reason than chance must not be compared.
  const nobodys =
    anonymous === "Random"
      ? renderAction(protocol, input)
      : renderAction(protocol, { ...uncounted, arms: onlyStable(arms) }, { isUncompared: true });
  return [
    ...(feedback?.userHeader === header ? [ofUser(CHECKED_USER, splitOf(arms, salt, header))] : []),
    ofUser(".+", UNCHECKED),
    { match: MATCH[protocol], ...nobodys },
  ];
}

/**
 * The route of the requests of which a copy is sent. It comes first and takes its share by chance, so that original and copy
 * say of themselves what they are.
 */
function renderMirrored(
  protocol: Protocol,
  input: RouteInput,
  { share, clusters }: NonNullable<RouteInput["mirror"]>,
): JsonObject {
  const runtime_fraction = {
    default_value: { numerator: share, denominator: "TEN_THOUSAND" },
    runtime_key: `petrel.mirrored.${input.modelDeployment}`,
  };
  return {
    match: { ...MATCH[protocol], runtime_fraction },
    ...renderAction(protocol, input, { copiesTo: clusters[protocol] }),
  };
}

/** Envoy sends a copy once, tells nobody of its answer, and ends it with the time of the request. */
function mirrorPolicy(cluster: string): JsonObject {
  const ofCopies = [
    setHeader(PETREL_HEADER.shadow, SHADOW_ROLE.copy),
    setHeader(PETREL_HEADER.arm, ARM_OF_COPIES),
  ];
  return { cluster, request_headers_mutations: ofCopies.map((append) => ({ append })) };
}

/** The stable arm with the weight of all. */
function onlyStable(arms: readonly RoutedArm[]): readonly RoutedArm[] {
  const weight = arms.reduce((sum, arm) => sum + arm.weight, 0);
  return arms.filter(({ name }) => name === "Stable").map((arm) => ({ ...arm, weight }));
}

function isOfRelease(arms: readonly RoutedArm[]): boolean {
  return arms.length > 1 && arms.some(({ name }) => name === "Candidate");
}

/** By what the arm of a user can be computed again. */
function splitOf(arms: readonly RoutedArm[], salt: string, header: string): string {
  const sum = (some: readonly RoutedArm[]) => some.reduce((weights, { weight }) => weights + weight, 0);
  const parts = isOfRelease(arms)
    ? sum(arms.filter(({ name }) => name === "Candidate"))
    : candidateFirst(arms).map(({ name, weight }) => `${ARM_NUMBER[name]}=${weight}`);
  return `${parts}/${sum(arms)} ${salt} ${header}`;
}

/** A user's arm follows from the hash of the header and the salt; Envoy takes it modulo the sum of the weights. */
function hashPolicy({ header, salt }: { readonly header: string; readonly salt: string }): JsonObject {
  const rewrite = { pattern: { regex: "^(.*)$" }, substitution: `\\1:${salt}` };
  return { header: { header_name: header, regex_rewrite: rewrite } };
}

/** How a route chooses the arm: by chance, unless by the user. */
interface Choice {
  readonly user?: { readonly header: string; readonly salt: string };
  /** What model servers are told of it. */
  readonly split?: string;
  /** By neither. */
  readonly isUncompared?: boolean;
  /** Cluster to which a copy goes. */
  readonly copiesTo?: string;
  /** It takes part in a drill, with these headers. */
  readonly probe?: { readonly headers: readonly JsonObject[]; readonly isWitness: boolean };
}

function renderAction(
  protocol: Protocol,
  input: RouteInput,
  { user, split = UNCHECKED, isUncompared = false, copiesTo, probe }: Choice = {},
): JsonObject {
  const { modelDeployment, epoch, timeoutMilliseconds, perTryTimeoutMilliseconds, arms, feedback } = input;
  if (arms.length === 0) {
    const text = `no model server of ModelDeployment ${modelDeployment} can answer yet`;
    return { direct_response: { status: 503, body: { inline_string: text } } };
  }
  return {
    request_body_buffer_limit: RETRY_BUFFER_BYTES,
    request_headers_to_add: [
      setHeader(PETREL_HEADER.epoch, String(epoch)),
      ...(isUncompared ? [setHeader(PETREL_HEADER.uncompared, UNCOMPARED)] : []),
      ...(copiesTo === undefined ? [] : [setHeader(PETREL_HEADER.shadow, SHADOW_ROLE.original)]),
      ...countedHeaders(feedback, split),
      ...(probe?.headers ?? []),
    ],
    ...(probe === undefined ? {} : { response_headers_to_add: [TELL_POOL] }),
    route: {
      weighted_clusters: {
        clusters: candidateFirst(arms).map((arm) =>
          weightedCluster(arm, protocol, probe === undefined ? arm.name : ARM_OF_PROBES),
        ),
        ...(user === undefined ? {} : { use_hash_policy: true }),
      },
      ...(user === undefined ? {} : { hash_policy: [hashPolicy(user)] }),
      ...(copiesTo === undefined ? {} : { request_mirror_policies: [mirrorPolicy(copiesTo)] }),
      timeout: protoDuration(timeoutMilliseconds),
      idle_timeout: protoDuration(timeoutMilliseconds + IDLE_GRACE_MILLISECONDS),
      ...(probe?.isWitness === true
        ? {}
        : { retry_policy: retryPolicy(protocol, perTryTimeoutMilliseconds) }),
    },
  };
}

/** What the token of an answer is made from. Envoy leaves a header out whose value would be empty. */
function countedHeaders(feedback: RouteInput["feedback"], split: string): readonly JsonObject[] {
  if (feedback === undefined) return [];
  const { userHeader, excludeHeader } = feedback;
  return [
    setHeader(PETREL_HEADER.time, "%START_TIME(%s)%"),
    setHeader(PETREL_HEADER.split, split),
    ...(userHeader === undefined
      ? []
      : [setHeader(PETREL_HEADER.user, `%REQ(${userHeader}):${LONGEST_USER}%`)]),
    ...(excludeHeader === undefined ? [] : [setHeader(PETREL_HEADER.excluded, `%REQ(${excludeHeader}):1%`)]),
  ];
}

function candidateFirst(arms: readonly RoutedArm[]): readonly RoutedArm[] {
  return [
    ...arms.filter(({ name }) => name === "Candidate"),
    ...arms.filter(({ name }) => name !== "Candidate"),
  ];
}

function weightedCluster({ weight, clusters }: RoutedArm, protocol: Protocol, toldArm: string): JsonObject {
  return {
    name: clusters[protocol],
    weight,
    request_headers_to_add: [setHeader(PETREL_HEADER.arm, toldArm)],
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
