/**
 * Revenue per request: what an answer earned.
 */
import { cappedTotal } from "./label-values.ts";
import type { GateUse, MetricType } from "./metric.ts";
import { requestMean } from "./request-mean.ts";

/** Why a sum without a cap does not gate. */
export const UNCAPPED: GateUse = {
  type: "Descriptive",
  reason: "without a cap a few large values decide; set `cap`, for example to stable's 99.9th percentile",
};

/** Revenue per request. */
export const revenuePerRequest: MetricType = {
  type: "RevenuePerRequest",
  title: "Revenue per request",
  definition:
    "Mean over requests of the summed values of the label, no less than 0 and no more than the cap. A request without feedback counts as 0.",
  forks: [
    "Per order instead of per request: a model that sells less often to those who spend more then looks better.",
    "Without a cap: one large order decides. Allowed, but does not gate.",
  ],
  source: "Kohavi, Tang, Xu 2020, Trustworthy Online Controlled Experiments, on capped metrics",
  unit: "value per request",
  higherIsBetter: true,
  needsProbability: false,
  settings: [
    { field: "label", default: "order", meaning: "Label whose value is the money." },
    { field: "cap", meaning: "Most that one request counts. A gate needs it." },
  ],
  create(settings) {
    const { label = "order", cap } = settings;
    return requestMean(settings, {
      labels: [label],
      gate: cap === undefined ? UNCAPPED : { type: "Outcome", zeroOrOne: false },
      what: "the label's values, capped",
      number: (request) => cappedTotal(request, label, cap),
    });
  },
};
