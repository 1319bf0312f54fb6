/**
 * Hit rate: how many lists had something relevant near the top.
 */
import { rankingMetric } from "./ranking-metric.ts";

/** Hit rate. */
export const hitRate = rankingMetric({
  type: "HitRate",
  title: "Hit rate at k",
  definition:
    "Share of requests with a relevant row in the first k places. A request without the label counts as 0.",
  forks: [
    "Recall at k under this name, where requests have several relevant rows.",
    "Requests without a relevant row dropped.",
  ],
  source: "Evidently, HitRateKMetric; trec_eval, success",
  unit: "ratio",
  defaultOrder: "Model",
  what: "1 for a request with a relevant row in the first k places, else 0",
  number: ([first], k) => (first !== undefined && first.rank <= k ? 1 : 0),
});
