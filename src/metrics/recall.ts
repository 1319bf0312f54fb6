/**
 * Recall: how many of the positive rows were predicted to be.
 */
import { confusionMetric } from "./confusion.ts";
import { ratio } from "./metric.ts";

/** Recall. */
export const recall = confusionMetric({
  type: "Recall",
  title: "Recall",
  definition:
    "Share of the rows with the label that were predicted to be positive. No value without such rows.",
  forks: ["0 where no row has the label (scikit-learn).", "Recall at k places of a list."],
  source: "scikit-learn, recall_score",
  value: ({ truePositives, falseNegatives }) => ratio(truePositives, truePositives + falseNegatives),
});
