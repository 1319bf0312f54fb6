/**
 * What becomes of predictions: which labels come for them, and what is counted of those.
 *
 * It changes no prediction, so it is no part of the model revision. Only what is counted from end to end is here.
 */
import Type from "typebox";
import { observeRules, observeSchema, responseSchema } from "./observe.ts";
import { isHeaderOfClients, requestHeaderSchema } from "./request-header.ts";
import { type CelRule, durationSchema, stringEnum } from "./schema.ts";
import type { TrafficSpec } from "./traffic.ts";
import { trainingLogRules, trainingLogSchema } from "./training-log.ts";

/** Metrics that the collector counts. */
export const QUALITY_METRIC_TYPES = ["ClickThroughRate", "ConversionRate", "RevenuePerRequest"] as const;

/** Name of a type of metric. */
export type QualityMetricType = (typeof QUALITY_METRIC_TYPES)[number];

/** The label that a metric is made of when it names none. */
export const DEFAULT_LABEL: Readonly<Record<QualityMetricType, string>> = {
  ClickThroughRate: "click",
  ConversionRate: "order",
  RevenuePerRequest: "order",
};

/** Longest time after its prediction at which a label still counts, in hours. */
const LONGEST_MATURITY_HOURS = 720;

const NAME_PATTERN = "^[a-z0-9]([-_.a-z0-9]*[a-z0-9])?$";

function nameSchema(description: string) {
  return Type.String({ minLength: 1, maxLength: 63, pattern: NAME_PATTERN, description });
}

const labelSchema = Type.Object(
  {
    name: nameSchema("Name of the label, as clients send it."),
    matures: durationSchema({
      description: `Time after the prediction within which nearly all such labels come, at most ${LONGEST_MATURITY_HOURS}h. One that comes later is counted among what has arrived, and not among what has matured.`,
    }),
  },
  { description: "What clients tell of a prediction, such as a click." },
);

const metricSchema = Type.Object(
  {
    name: nameSchema("Name of the metric."),
    type: stringEnum(QUALITY_METRIC_TYPES, {
      description:
        "`ClickThroughRate`, `ConversionRate`: share of requests with the label. `RevenuePerRequest`: mean of the label's values, capped for each request.",
    }),
    label: Type.Optional(
      nameSchema("The label that it is made of: `click` for a click-through rate, `order` else, unless set."),
    ),
    cap: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_000_000_000,
        description: "Most that one request can add to a revenue, so that one large order does not decide.",
      }),
    ),
  },
  { description: "What is counted of labels." },
);

const anomaliesSchema = Type.Object(
  {
    falseAlarmEvery: durationSchema({
      description:
        "Time in which the series of this ModelDeployment may raise one false alarm, all together: from 24h to 8760h. 720h is one in 30 days.",
    }),
  },
  {
    description:
      "Watches the requests, the labels and each metric of the stable revision, every five minutes, for what they have not done before. The collector shows what it finds as `petrel_anomaly_*`.",
  },
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
    metrics: Type.Array(metricSchema, {
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
      "Counts what becomes of predictions: answers get a token, and clients send it to `/feedback` with their labels. Takes effect without a new revision. Turning it on or off replaces the pods, one by one.",
  },
);

const HEADER_WORDS =
  "must be a header of your own; the router takes x-petrel-* and x-envoy-* away, and every request has a host";

/** Rules over the spec. */
export const qualityRules: readonly CelRule[] = [
  {
    rule: "!has(self.quality) || self.runtime.name == 'onnxruntime'",
    message:
      "spec.quality: needs spec.runtime.name onnxruntime, for a container of your own gives no tokens and tells no sidecar of its requests",
  },
  {
    rule: `!has(self.quality) || self.quality.labels.all(l, duration(l.matures) >= duration('1s') && duration(l.matures) <= duration('${LONGEST_MATURITY_HOURS}h'))`,
    message: `spec.quality.labels.matures: must be from 1s to ${LONGEST_MATURITY_HOURS}h`,
  },
  {
    rule: "!has(self.quality) || self.quality.metrics.all(m, self.quality.labels.exists(l, l.name == (has(m.label) ? m.label : (m.type == 'ClickThroughRate' ? 'click' : 'order'))))",
    message:
      "spec.quality.metrics: each must be of one of spec.quality.labels; a click-through rate is of click and others are of order, unless they name a label",
  },
  {
    rule: "!has(self.quality) || self.quality.metrics.all(m, has(m.cap) == (m.type == 'RevenuePerRequest'))",
    message: "spec.quality.metrics.cap: goes with RevenuePerRequest, which needs it, and with no other",
  },
  {
    rule: `!has(self.quality) || !has(self.quality.userHeader) || ${isHeaderOfClients("self.quality.userHeader")}`,
    message: `spec.quality.userHeader: ${HEADER_WORDS}`,
  },
  {
    rule: `!has(self.quality) || !has(self.quality.excludeFromQuality) || ${isHeaderOfClients("self.quality.excludeFromQuality.header")}`,
    message: `spec.quality.excludeFromQuality.header: ${HEADER_WORDS}`,
  },
  {
    rule: "!has(self.quality) || !has(self.quality.anomalies) || (duration(self.quality.anomalies.falseAlarmEvery) >= duration('24h') && duration(self.quality.anomalies.falseAlarmEvery) <= duration('8760h'))",
    message: "spec.quality.anomalies.falseAlarmEvery: must be from 24h to 8760h",
  },
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
