/**
 * MAP@k: the mean of the precision at each relevant row.
 */
import { rankingMetric } from "./ranking-metric.ts";

/** Mean average precision. */
export const meanAveragePrecision = rankingMetric({
  type: "MAP",
  title: "Mean average precision at k",
  definition:
    "Mean over requests of the average precision: for each relevant row in the first k places, the share of relevant rows down to it, summed and divided by the number R of relevant rows. A request without the label counts as 0.",
  forks: ["Divided by min(R, k) (RecBole, Kaggle).", "Requests without a relevant row dropped."],
  source: "trec_eval, map_cut; ranx",
  unit: "ratio",
  defaultOrder: "Model",
  what: "average precision",
  number(hits, k) {
    if (hits.length === 0) return 0;
    const precisions = hits.map(({ rank }, index) => (rank <= k ? (index + 1) / rank : 0));
    return precisions.reduce((sum, one) => sum + one, 0) / hits.length;
  },
});
