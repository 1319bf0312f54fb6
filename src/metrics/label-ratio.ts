/**
 * A ratio of labels that a team declares by itself: values of one label for each request, or for each value of another.
 */
import { cappedTotal } from "./label-values.ts";
import { type MetricType, ratio } from "./metric.ts";
import { requestMean } from "./request-mean.ts";
import { UNCAPPED } from "./revenue-per-request.ts";

/** A declared ratio of labels. */
export const labelRatio: MetricType = {
  type: "LabelRatio",
  title: "Ratio of labels",
  definition:
    "Summed values of `label`, capped for each request, divided by the number of requests or by the summed values of `denominator`. More is taken to be better, unless `spec.quality` says `better: Lower` of it, as for `refund`.",
  forks: ["The mean of each request's own ratio, which has no value where the denominator is 0."],
  source: "declared by the user",
  unit: "ratio",
  higherIsBetter: true,
  needsProbability: false,
  settings: [
    { field: "label", required: true, meaning: "Label of the numerator." },
    { field: "denominator", meaning: "Label of the denominator; the requests when absent." },
    { field: "cap", meaning: "Most that one request adds to the numerator. A gate needs it." },
  ],
  create(settings) {
    const { name, type, label = "", denominator, cap } = settings;
    if (denominator === undefined) {
      return requestMean(settings, {
        labels: [label],
        gate: cap === undefined ? UNCAPPED : { type: "Outcome", zeroOrOne: false },
        what: "the label's values, capped",
        number: (request) => cappedTotal(request, label, cap),
      });
    }
    return {
      name,
      type,
      labels: label === denominator ? [label] : [label, denominator],
      gate: { type: "Descriptive", reason: "its denominator is an outcome too, not the number of requests" },
      sums: [
        { name: "numerator", help: "Sum over requests of the label's values, capped.", exported: true },
        { name: "denominator", help: "Sum over requests of the denominator's values.", exported: true },
      ],
      add(request, into) {
        into[0] = (into[0] ?? 0) + cappedTotal(request, label, cap);
        into[1] = (into[1] ?? 0) + cappedTotal(request, denominator);
      },
      value: ([numerator, divisor]) => ratio(numerator, divisor),
    };
  },
};
