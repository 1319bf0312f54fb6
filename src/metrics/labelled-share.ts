/**
 * Metrics that are the share of requests with a label: of clicks, of orders.
 */
import { hasLabel } from "./label-values.ts";
import type { MetricType } from "./metric.ts";
import { requestMean } from "./request-mean.ts";

/** What is such a metric's own. */
export interface LabelledShare
  extends Pick<MetricType, "type" | "title" | "definition" | "forks" | "source"> {
  readonly defaultLabel: string;
  /** What the label is of, in words with an article: "a click". */
  readonly of: string;
}

/** The type of a metric that is the share of requests with a label. */
export function labelledShare({ defaultLabel, of, ...entry }: LabelledShare): MetricType {
  return {
    ...entry,
    unit: "ratio",
    higherIsBetter: true,
    needsProbability: false,
    settings: [{ field: "label", default: defaultLabel, meaning: `Label of ${of}.` }],
    create(settings) {
      const { label = defaultLabel } = settings;
      return requestMean(settings, {
        labels: [label],
        gate: { type: "Outcome", zeroOrOne: true },
        what: `1 for a request with ${of}, else 0`,
        number: (request) => (hasLabel(request, label) ? 1 : 0),
      });
    },
  };
}
