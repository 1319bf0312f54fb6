/**
 * What is counted of the labels that come for predictions: the metrics of `spec.quality`, their settings and what of them
 * goes together.
 *
 * A type belongs here only when requests without a label add nothing to it, or no more than follows from their scores: that
 * is all the collector knows of them. What a type computes is defined in src/metrics alone.
 */
import Type from "typebox";
import { type CelRule, decimalSchema, matching, stringEnum } from "./schema.ts";

/** Metrics of the order in which rows were displayed, down to the k-th. */
const RANKING_TYPES = ["DCG", "NDCG", "MAP", "MRR", "HitRate"] as const;
/** Metrics that are amounts: without a cap one request could decide them. */
const AMOUNT_TYPES = ["RevenuePerRequest", "LabelRatio", "DCG"] as const;

/** Metrics that the collector counts from labels alone. */
export const LABEL_METRIC_TYPES = [
  "ClickThroughRate",
  "ConversionRate",
  "RevenuePerRequest",
  "LabelRatio",
  ...RANKING_TYPES,
] as const;

/** Metrics for which a score is a yes or a no. */
const DECISION_TYPES = ["Accuracy", "Precision", "Recall", "F1"] as const;

/** Metrics that the collector counts from labels and the scores that tokens tell. */
export const SCORE_METRIC_TYPES = [
  "AreaUnderCurve",
  "LogLoss",
  "BrierScore",
  "CalibrationError",
  ...DECISION_TYPES,
] as const;

/** All metrics that the collector counts. */
export const QUALITY_METRIC_TYPES = [...LABEL_METRIC_TYPES, ...SCORE_METRIC_TYPES] as const;

/** Name of a type of metric. */
export type QualityMetricType = (typeof QUALITY_METRIC_TYPES)[number];
/** Name of a type of metric of labels. */
export type LabelMetricType = (typeof LABEL_METRIC_TYPES)[number];
/** Name of a type of metric of scores. */
export type ScoreMetricType = (typeof SCORE_METRIC_TYPES)[number];

/** Metrics by which arms can be compared: those that gate in src/metrics, as they are counted here. */
export const GATING_METRIC_TYPES = [
  "ClickThroughRate",
  "ConversionRate",
  ...AMOUNT_TYPES,
] as const satisfies readonly QualityMetricType[];

/** Metrics that are of orders unless they name a label. Others are of clicks. */
const OF_ORDERS: readonly QualityMetricType[] = ["ConversionRate", "RevenuePerRequest"];

/** The label that a metric is made of. One of the type LabelRatio has always named it. */
export function labelOfMetric({
  type,
  label,
}: {
  readonly type: QualityMetricType;
  readonly label?: string | undefined;
}): string {
  return label ?? (OF_ORDERS.includes(type) ? "order" : "click");
}

/** What of a metric is better, where a spec may say so. */
export const METRIC_DIRECTIONS = ["Higher", "Lower"] as const;

/** Which values of a metric by which arms can be compared are better: more of them, unless it says otherwise. */
export function directionOfMetric({
  better = "Higher",
}: {
  readonly better?: (typeof METRIC_DIRECTIONS)[number] | undefined;
}): (typeof METRIC_DIRECTIONS)[number] {
  return better;
}

/** Whether arms can be compared by a metric. */
export function isGatingMetric(type: QualityMetricType): boolean {
  return GATING_METRIC_TYPES.some((one) => one === type);
}

/** Whether a metric is of scores. */
export function isScoreMetric(type: QualityMetricType): type is ScoreMetricType {
  return SCORE_METRIC_TYPES.some((one) => one === type);
}

/** Whether a request adds an amount to it, and not 0 or 1. */
export function isAmountMetric(type: QualityMetricType): boolean {
  return AMOUNT_TYPES.some((one) => one === type);
}

const list = (types: readonly string[]) => `['${types.join("', '")}']`;

/** {@link labelOfMetric} in CEL, of the metric that this names. */
export const labelOfMetricInCel = (metric: string) =>
  `(has(${metric}.label) ? ${metric}.label : (${metric}.type in ${list(OF_ORDERS)} ? 'order' : 'click'))`;

/** Whether a metric can be what a gate compares, in CEL. */
export const gatesInCel = (metric: string) => `${metric}.type in ${list(GATING_METRIC_TYPES)}`;

/** JSON Schema of a name of a label or metric. */
export function qualityNameSchema(description: string) {
  return Type.String({
    minLength: 1,
    maxLength: 63,
    ...matching(
      "^[a-z0-9]([-_.a-z0-9]*[a-z0-9])?$",
      "must be of lower-case letters, digits and - _ ., with a letter or digit at both ends",
    ),
    description,
  });
}

/** JSON Schema of a metric. */
export const qualityMetricSchema = Type.Object(
  {
    name: qualityNameSchema("Name of the metric."),
    type: stringEnum(QUALITY_METRIC_TYPES, {
      description:
        "What is counted; docs/metrics.md defines each. `ClickThroughRate`, `ConversionRate`: share of requests with the label. `RevenuePerRequest`, `LabelRatio`: mean of the label's values, capped for each request. A gate takes more to be better, but for a `LabelRatio` with `better: Lower`. `DCG`, `NDCG`, `MAP`, `MRR`, `HitRate`: of lists, in the order in which clients say that rows were displayed; of these only `DCG` can be compared by a gate. `AreaUnderCurve`, `LogLoss`, `BrierScore`, `CalibrationError`, `Accuracy`, `Precision`, `Recall`, `F1`: of the scores of rows, which tokens then tell, with the label or without it; no gate compares them. They need `response` with `probability: true`, and Petrel's own model server.",
    }),
    label: Type.Optional(
      qualityNameSchema(
        "The label that it is made of: `order` for a conversion rate and a revenue, `click` else, unless set. Required for `LabelRatio`.",
      ),
    ),
    better: Type.Optional(
      stringEnum(METRIC_DIRECTIONS, {
        description:
          "Goes with `LabelRatio`: `Lower` where less of the label is better, as of `refund`; `Higher` unless set. Gates, the alerts on quality and what follows from anomalies go by it.",
      }),
    ),
    cap: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_000_000_000,
        description: "Most that one request can add to an amount, so that one large order does not decide.",
      }),
    ),
    k: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_000,
        description: "Places of a list that count, from the top; 10 unless set.",
      }),
    ),
    threshold: Type.Optional(
      decimalSchema(
        'Score from which on a row is predicted to have the label, from 0 to 1; `"0.5"` unless set.',
      ),
    ),
  },
  { description: "What is counted of labels." },
);

const METRICS = "self.quality.metrics";
/** Whether scores are counted, in CEL. */
export const countsScoresInCel = `has(self.quality) && ${METRICS}.exists(m, m.type in ${list(SCORE_METRIC_TYPES)})`;

/** Rules over the spec. */
export const qualityMetricRules: readonly CelRule[] = [
  {
    rule: `!has(self.quality) || ${METRICS}.all(m, self.quality.labels.exists(l, l.name == ${labelOfMetricInCel("m")}))`,
    message:
      "spec.quality.metrics: each must be of one of spec.quality.labels; conversion and revenue are of order and others of click, unless they name a label",
  },
  {
    rule: `!has(self.quality) || ${METRICS}.all(m, m.type != 'LabelRatio' || has(m.label))`,
    message: "spec.quality.metrics.label: must be given for LabelRatio, which can be of any label",
  },
  {
    rule: `!has(self.quality) || ${METRICS}.all(m, !has(m.better) || m.type == 'LabelRatio')`,
    message: "spec.quality.metrics.better: goes with LabelRatio, and with no other; of others it is known",
  },
  {
    rule: `!has(self.quality) || ${METRICS}.all(m, has(m.cap) == (m.type in ${list(AMOUNT_TYPES)}))`,
    message: `spec.quality.metrics.cap: goes with ${inWords(AMOUNT_TYPES)}, which need it, and with no other`,
  },
  {
    rule: `!has(self.quality) || ${METRICS}.all(m, !has(m.k) || m.type in ${list(RANKING_TYPES)})`,
    message: `spec.quality.metrics.k: goes with ${inWords(RANKING_TYPES)}, and with no other`,
  },
  {
    rule: `!has(self.quality) || ${METRICS}.all(m, !has(m.threshold) || (m.type in ${list(DECISION_TYPES)} && double(m.threshold) >= 0.0 && double(m.threshold) <= 1.0))`,
    message: `spec.quality.metrics.threshold: must be from 0 to 1, and goes with ${inWords(DECISION_TYPES)}, and with no other`,
  },
  {
    rule: `!(${countsScoresInCel}) || (has(self.quality.response) && has(self.quality.response.probability) && self.quality.response.probability)`,
    message: `spec.quality.response: must say with probability: true which output is the score, for a metric of the type ${inWords(SCORE_METRIC_TYPES, "or")}; tokens tell scores from 0 to 1`,
  },
  {
    rule: `!(${countsScoresInCel}) || self.runtime.name == 'onnxruntime'`,
    message: `spec.quality.metrics: ${inWords(SCORE_METRIC_TYPES)} need spec.runtime.name onnxruntime; a container of your own answers after its token has gone, so that no token tells its scores`,
  },
];

function inWords(types: readonly string[], last = "and"): string {
  return `${types.slice(0, -1).join(", ")} ${last} ${types.at(-1)}`;
}
