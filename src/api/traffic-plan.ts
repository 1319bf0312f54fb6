/**
 * The traffic plan: who answers the requests of one ModelDeployment. It stands in
 * `ModelDeployment.status.traffic`; the operator writes it and every router carries it out.
 *
 * A router reads nothing of a ModelDeployment but this, so the plan must hold all that a router needs,
 * and a change of anything in it raises `epoch`.
 */
import Type from "typebox";
import { armNameSchema } from "./arm.ts";
import { authenticationSchema, tlsSchema } from "./authentication.ts";
import { plannedDrillSchema } from "./planned-drill.ts";
import { requestHeaderSchema } from "./request-header.ts";
import { dnsLabelSchema, durationSchema } from "./schema.ts";
import { anonymousSchema, userHeaderSchema } from "./traffic.ts";

/** Weights of arms are parts of this whole, so that `0.5%` is exact. */
export const FULL_WEIGHT = 10_000;

/** First port that a router listens on for model traffic. */
export const FIRST_TRAFFIC_PORT = 10_000;
/** Last port that a router listens on for model traffic. */
export const LAST_TRAFFIC_PORT = 19_999;

/** Longest failover chain of one arm: all pools of a candidate and all of stable behind them. */
export const MAX_POOLS_PER_ARM = 16;

const plannedPoolSchema = Type.Object(
  {
    pool: dnsLabelSchema(40, "Name of the pool."),
    revision: Type.String({
      maxLength: 63,
      description: "Name of the ControllerRevision that its pods serve.",
    }),
    replicas: Type.Integer({
      minimum: 0,
      maximum: 1000,
      description:
        "Replicas with which the pool carries the traffic alone; with fewer ready ones, the next pool gets the rest. Those that are asked for and still to come are counted once they are ready.",
    }),
  },
  { description: "One rung of the failover chain." },
);

const plannedFeedbackSchema = Type.Object(
  {
    userHeader: Type.Optional(requestHeaderSchema("Header of requests that names the user.")),
    excludeHeader: Type.Optional(requestHeaderSchema("Header of requests that are not to be counted.")),
  },
  { description: "That answers are counted, and labels taken for them." },
);

const trafficArmSchema = Type.Object(
  {
    name: armNameSchema,
    weight: Type.Integer({
      minimum: 0,
      maximum: FULL_WEIGHT,
      description: `Share of the requests, in parts of ${FULL_WEIGHT}.`,
    }),
    pools: Type.Array(plannedPoolSchema, {
      maxItems: MAX_POOLS_PER_ARM,
      "x-kubernetes-list-type": "atomic",
      description: "Where the requests of this arm go, in order of preference.",
    }),
  },
  { description: "Requests that are answered by one model revision." },
);

const plannedStickinessSchema = Type.Object(
  {
    header: userHeaderSchema,
    anonymous: anonymousSchema,
    salt: Type.String({
      minLength: 1,
      maxLength: 63,
      pattern: "^[-a-z0-9]+$",
      description: "Mixed with the user, so that each release, and each experiment, chooses other users.",
    }),
  },
  { description: "How the requests of one user find the same arm." },
);

const trafficMirrorSchema = Type.Object(
  {
    share: Type.Integer({
      minimum: 1,
      maximum: FULL_WEIGHT,
      description: `Share of the requests that are mirrored, in parts of ${FULL_WEIGHT}.`,
    }),
    pools: Type.Array(plannedPoolSchema, {
      minItems: 1,
      maxItems: MAX_POOLS_PER_ARM,
      "x-kubernetes-list-type": "atomic",
      description: "Where the copies go, in order of preference. Nobody waits for their answers.",
    }),
  },
  { description: "Requests of which a copy goes to the candidate, beside the answer by stable." },
);

/** JSON Schema of the traffic plan in status. */
export const trafficPlanSchema = Type.Object(
  {
    port: Type.Integer({
      minimum: FIRST_TRAFFIC_PORT,
      maximum: LAST_TRAFFIC_PORT,
      description: "Port of every router of the namespace on which this ModelDeployment is served.",
    }),
    epoch: Type.Integer({
      minimum: 1,
      description: "Grows by one with every change of the plan; begins with the second of the first one.",
    }),
    timeout: durationSchema({ description: "Time for the whole answer, retries included." }),
    perTryTimeout: durationSchema({ description: "Time for one try." }),
    // Absent rather than empty: a plan that needs none of this is the same as before there was any of it.
    stickiness: Type.Optional(plannedStickinessSchema),
    tls: Type.Optional(tlsSchema),
    authentication: Type.Optional(authenticationSchema),
    feedback: Type.Optional(plannedFeedbackSchema),
    arms: Type.Array(trafficArmSchema, {
      maxItems: 8,
      "x-kubernetes-list-type": "atomic",
      description:
        "Who gets the traffic. The weights add up to the whole; no arm at all means that nothing can answer.",
    }),
    mirror: Type.Optional(trafficMirrorSchema),
    drill: Type.Optional(plannedDrillSchema),
  },
  { description: "The traffic plan that the routers carry out." },
);

/** The traffic plan of one ModelDeployment. */
export type TrafficPlan = Type.Static<typeof trafficPlanSchema>;
/** One arm of a {@link TrafficPlan}. */
export type TrafficArm = Type.Static<typeof trafficArmSchema>;
/** Requests of which a copy goes to the candidate. */
export type TrafficMirror = Type.Static<typeof trafficMirrorSchema>;
/** One pool of a {@link TrafficArm}. */
export type PlannedPool = Type.Static<typeof plannedPoolSchema>;
