/**
 * What becomes of predictions: which labels come for them, and what is counted of those.
 *
 * It changes no prediction, so it is no part of the model revision. Only what is counted from end to end is here.
 */
import Type from "typebox";
import { anomaliesRules, anomaliesSchema } from "./anomalies.ts";
import { observeRules, observeSchema, responseSchema } from "./observe.ts";
import { qualityMetricRules, qualityMetricSchema, qualityNameSchema } from "./quality-metrics.ts";
import { isHeaderOfClients, requestHeaderSchema } from "./request-header.ts";
import { type CelRule, durationSchema } from "./schema.ts";
import type { TrafficSpec } from "./traffic.ts";
import { trainingLogRules, trainingLogSchema } from "./training-log.ts";

/** Longest time after its prediction at which a label still counts, in hours. */
const LONGEST_MATURITY_HOURS = 720;

const labelSchema = Type.Object(
  {
    name: qualityNameSchema("Name of the label, as clients send it."),
    matures: durationSchema({
      description: `Time after the prediction within which nearly all such labels come, at most ${LONGEST_MATURITY_HOURS}h. One that comes later is counted among what has arrived, and not among what has matured.`,
    }),
  },
  { description: "What clients tell of a prediction, such as a click." },
);

/** JSON Schema of it. */
export const qualitySchema = Type.Object(
  {
    labels: Type.Array(labelSchema, {
      minItems: 1,
      maxItems: 16,
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
      description: "Labels that clients send for predictions.",
    }),
    metrics: Type.Array(qualityMetricSchema, {
      minItems: 1,
      maxItems: 32,
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
      description: "What is counted of them, for each revision and group of users.",
    }),
    userHeader: Type.Optional(
      requestHeaderSchema(
        "Header of requests that names the user, in lower case; that of `traffic.stickiness` unless set. Requests of one user are compared as one; without a user each request is for itself.",
      ),
    ),
    response: Type.Optional(responseSchema),
    observe: Type.Optional(observeSchema),
    anomalies: Type.Optional(anomaliesSchema),
    log: Type.Optional(trainingLogSchema),
    excludeFromQuality: Type.Optional(
      Type.Object(
        { header: requestHeaderSchema("Header that such requests have, in lower case, whatever its value.") },
        { description: "Requests that are not to be counted, such as those of a load test." },
      ),
    ),
  },
  {
    description:
      "Counts what becomes of predictions: answers get a token, and clients send it to `/feedback` with their labels. Takes effect without a new revision. Turning it on or off replaces the pods, one by one. Requests to a container of your own then pass through a sidecar, which gives its answers their tokens.",
  },
);

const HEADER_WORDS =
  "must be a header of your own; the router takes x-petrel-* and x-envoy-* away, and every request has a host";

/** Rules over the spec. */
export const qualityRules: readonly CelRule[] = [
  {
    rule: `!has(self.quality) || self.quality.labels.all(l, duration(l.matures) >= duration('1s') && duration(l.matures) <= duration('${LONGEST_MATURITY_HOURS}h'))`,
    message: `spec.quality.labels.matures: must be from 1s to ${LONGEST_MATURITY_HOURS}h`,
  },
  ...qualityMetricRules,
  {
    rule: `!has(self.quality) || !has(self.quality.userHeader) || ${isHeaderOfClients("self.quality.userHeader")}`,
    message: `spec.quality.userHeader: ${HEADER_WORDS}`,
  },
  {
    rule: `!has(self.quality) || !has(self.quality.excludeFromQuality) || ${isHeaderOfClients("self.quality.excludeFromQuality.header")}`,
    message: `spec.quality.excludeFromQuality.header: ${HEADER_WORDS}`,
  },
  ...anomaliesRules,
  ...observeRules,
  ...trainingLogRules,
  {
    rule: `!has(self.quality) || !has(self.quality.observe) || !has(self.quality.observe.featureTime) || !has(self.quality.observe.featureTime.header) || ${isHeaderOfClients("self.quality.observe.featureTime.header")}`,
    message: `spec.quality.observe.featureTime.header: ${HEADER_WORDS}`,
  },
];

/** What becomes of predictions. */
export type QualitySpec = Type.Static<typeof qualitySchema>;

/**
 * The header that names the user. Users that keep their revision are the users whose requests are compared as one,
 * unless the spec names another header.
 */
export function userHeaderOf(spec: {
  readonly quality?: Pick<QualitySpec, "userHeader"> | undefined;
  readonly traffic: Pick<TrafficSpec, "stickiness">;
}): string | undefined {
  return spec.quality?.userHeader ?? spec.traffic.stickiness?.header;
}
