/**
 * NDCG@k: the discounted gain of a list, as a share of what the best order would have had.
 */
import { discountedGain, idealHits } from "./ranked-hits.ts";
import { rankingMetric } from "./ranking-metric.ts";

/** Normalised discounted cumulative gain. */
export const ndcg = rankingMetric({
  type: "NDCG",
  title: "Normalised discounted cumulative gain at k",
  definition:
    "Mean over requests of DCG@k divided by the DCG@k of the same gains in the best order. A request without the label counts as 0.",
  forks: [
    "Gain 2^value - 1 instead of the value (LightGBM, RecBole with grades).",
    "Rows of one score share the mean of their discounts (scikit-learn).",
    "1 for a request without a relevant row (LightGBM, XGBoost), or such requests dropped.",
  ],
  source: "trec_eval, ndcg_cut; scikit-learn, ndcg_score where no scores are equal",
  unit: "ratio",
  defaultOrder: "Model",
  what: "NDCG",
  number: (hits, k) => (hits.length === 0 ? 0 : discountedGain(hits, k) / discountedGain(idealHits(hits), k)),
});
