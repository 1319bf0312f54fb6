/**
 * MRR: how far down the first relevant row is.
 */
import { rankingMetric } from "./ranking-metric.ts";

/** Mean reciprocal rank. */
export const reciprocalRank = rankingMetric({
  type: "MRR",
  title: "Mean reciprocal rank at k",
  definition:
    "Mean over requests of 1 / rank of the first relevant row in the first k places, 0 where there is none. A request without the label counts as 0.",
  forks: [
    "Without a last place (trec_eval's recip_rank): set a large k.",
    "Requests without a relevant row dropped.",
  ],
  source: "trec_eval, recip_rank",
  unit: "ratio",
  defaultOrder: "Model",
  what: "1 / rank of the first relevant row",
  number: ([first], k) => (first !== undefined && first.rank <= k ? 1 / first.rank : 0),
});
