/**
 * Metrics of a yes-or-no prediction: the four counts that accuracy, precision, recall and F1 are made of.
 */
import type { MetricType, SettingRule, Sum } from "./metric.ts";
import { rowMetric } from "./scored-rows.ts";

/** What all of them read. */
const SETTINGS: readonly SettingRule[] = [
  { field: "label", default: "click", meaning: "Label of a positive row." },
  { field: "threshold", default: 0.5, meaning: "A row is predicted to be positive from this score on." },
];

/** Counts of rows by prediction and truth. */
export interface Confusion {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
  readonly trueNegatives: number;
}

const SUMS: readonly Sum[] = [
  { name: "true_positives", help: "Rows predicted to be positive that have the label.", exported: true },
  { name: "false_positives", help: "Rows predicted to be positive without the label.", exported: true },
  { name: "false_negatives", help: "Rows predicted to be negative that have the label.", exported: true },
  { name: "true_negatives", help: "Rows predicted to be negative without the label.", exported: true },
];

/** What is such a metric's own. */
export interface ConfusionMetric
  extends Pick<MetricType, "type" | "title" | "definition" | "forks" | "source"> {
  value(counts: Confusion): number | undefined;
}

/** The type of a metric that is a function of the four counts. */
export function confusionMetric({ value, ...entry }: ConfusionMetric): MetricType {
  return {
    ...entry,
    unit: "ratio",
    higherIsBetter: true,
    needsProbability: false,
    settings: SETTINGS,
    create(settings, meaning) {
      const { label = "click", threshold = 0.5 } = settings;
      return rowMetric(settings, meaning, {
        label,
        sums: SUMS,
        addRow(score, isPositive, sums) {
          const isPredicted = meaning.higherIsBetter ? score >= threshold : score <= threshold;
          const index = isPredicted ? (isPositive ? 0 : 1) : isPositive ? 2 : 3;
          sums[index] = (sums[index] ?? 0) + 1;
        },
        value([truePositives = 0, falsePositives = 0, falseNegatives = 0, trueNegatives = 0]) {
          return value({ truePositives, falsePositives, falseNegatives, trueNegatives });
        },
      });
    },
  };
}
