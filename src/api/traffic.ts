/**
 * How requests reach the model servers. A change takes effect without a new revision.
 */
import Type from "typebox";
import { authenticationRules, authenticationSchema, tlsSchema } from "./authentication.ts";
import { isHeaderOfClients, requestHeaderSchema } from "./request-header.ts";
import { type CelRule, durationSchema, stringEnum } from "./schema.ts";

/**
 * Longest `timeout` of a ModelDeployment, in seconds. A router that goes waits for requests of this length, so a
 * longer one makes every update of the routers longer.
 */
export const LONGEST_TIMEOUT_SECONDS = 25;

/** JSON Schema of the name of the header that names the user; the same in the spec and in a plan. */
export const userHeaderSchema = requestHeaderSchema("Header of requests that names the user, in lower case.");

/** JSON Schema of what becomes of requests without a user; the same in the spec and in a plan. */
export const anonymousSchema = stringEnum(["Random", "Stable"], {
  description:
    "Requests without the header, or with an empty one: `Random`, unless set, chooses for each request by itself, `Stable` keeps them all with the stable revision.",
});

const stickinessSchema = Type.Object(
  {
    header: userHeaderSchema,
    anonymous: Type.Optional(anonymousSchema),
  },
  {
    description:
      "While two revisions share the traffic, a user gets the same one with every request, and keeps the new one as its share grows. Which users those are is another choice in each release.",
  },
);

/** JSON Schema of the traffic settings. */
export const trafficSchema = Type.Object(
  {
    timeout: durationSchema({
      description: `Time for the whole answer, retries included, at most ${LONGEST_TIMEOUT_SECONDS}s.`,
      default: "600ms",
    }),
    perTryTimeout: Type.Optional(
      durationSchema({
        description: "Time for one try. A third of `timeout`, at most 500ms, unless set.",
      }),
    ),
    stickiness: Type.Optional(stickinessSchema),
    tls: Type.Optional(tlsSchema),
    authentication: Type.Optional(authenticationSchema),
  },
  { description: "How requests are routed. Takes effect without a new revision.", default: {} },
);

/** Rules over the traffic settings of a spec. */
export const trafficRules: readonly CelRule[] = [
  {
    rule: "!has(self.traffic.perTryTimeout) || (duration(self.traffic.perTryTimeout) >= duration('1ms') && duration(self.traffic.perTryTimeout) <= duration(self.traffic.timeout))",
    message: "spec.traffic.perTryTimeout: must be from 1ms to spec.traffic.timeout",
  },
  {
    rule: `duration(self.traffic.timeout) >= duration('10ms') && duration(self.traffic.timeout) <= duration('${LONGEST_TIMEOUT_SECONDS}s')`,
    message: `spec.traffic.timeout: must be from 10ms to ${LONGEST_TIMEOUT_SECONDS}s`,
  },
  {
    rule: `!has(self.traffic.stickiness) || ${isHeaderOfClients("self.traffic.stickiness.header")}`,
    message:
      "spec.traffic.stickiness.header: must be a header of your own that names the user; the router takes x-petrel-* and x-envoy-* away, and host names no user",
  },
  ...authenticationRules,
];

/** How requests reach the model servers. */
export type TrafficSpec = Type.Static<typeof trafficSchema>;
