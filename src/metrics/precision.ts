/**
 * Precision: how many of the rows predicted to be positive are.
 */
import { confusionMetric } from "./confusion.ts";
import { ratio } from "./metric.ts";

/** Precision. */
export const precision = confusionMetric({
  type: "Precision",
  title: "Precision",
  definition: "Share of the rows predicted to be positive that have the label. No value without such rows.",
  forks: ["0 where nothing is predicted to be positive (scikit-learn).", "Precision at k places of a list."],
  source: "scikit-learn, precision_score",
  value: ({ truePositives, falsePositives }) => ratio(truePositives, truePositives + falsePositives),
});
