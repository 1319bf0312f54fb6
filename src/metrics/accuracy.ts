/**
 * Accuracy: how many predictions were right.
 */
import { confusionMetric } from "./confusion.ts";
import { ratio } from "./metric.ts";

/** Accuracy. */
export const accuracy = confusionMetric({
  type: "Accuracy",
  title: "Accuracy",
  definition: "Share of scored rows whose prediction, score against threshold, is the truth.",
  forks: ["Balanced accuracy, the mean of the recalls of both classes."],
  source: "scikit-learn, accuracy_score",
  value: ({ truePositives, falsePositives, falseNegatives, trueNegatives }) =>
    ratio(truePositives + trueNegatives, truePositives + falsePositives + falseNegatives + trueNegatives),
});
