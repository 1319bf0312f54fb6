/**
 * DCG@k: what people took from a list, each row's gain discounted by its place.
 */
import { discountedGain } from "./ranked-hits.ts";
import { rankingMetric } from "./ranking-metric.ts";

/** Discounted cumulative gain. */
export const dcg = rankingMetric({
  type: "DCG",
  title: "Discounted cumulative gain at k",
  definition:
    "Mean over requests of the sum of gain / log2(1 + rank) over the first k places, no more than the cap. A request without the label counts as 0.",
  forks: [
    "Gain 2^value - 1 instead of the value.",
    "Only requests with a relevant row: dropping the others biases a canary.",
    "Without a cap: one label of a large value decides. Allowed, but does not gate.",
  ],
  source: "Järvelin, Kekäläinen 2002; scikit-learn, dcg_score",
  unit: "gain per request",
  defaultOrder: "Displayed",
  isAmount: true,
  what: "discounted gain",
  number: discountedGain,
});
