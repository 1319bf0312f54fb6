/**
 * F1: the harmonic mean of precision and recall.
 */
import { confusionMetric } from "./confusion.ts";
import { ratio } from "./metric.ts";

/** F1. */
export const f1Score = confusionMetric({
  type: "F1",
  title: "F1 score",
  definition:
    "Harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN). No value where no row is positive in either.",
  forks: ["F-beta with another weight of recall.", "Means over classes (macro, weighted)."],
  source: "scikit-learn, f1_score",
  value: ({ truePositives, falsePositives, falseNegatives }) =>
    ratio(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives),
});
