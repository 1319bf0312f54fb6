/**
 * Metrics that are the mean over scored rows of what a probability costs, given the truth.
 */
import { type MetricType, ratio, type Sum } from "./metric.ts";
import { rowMetric } from "./scored-rows.ts";

/** What is such a metric's own. */
export interface MeanLoss
  extends Pick<MetricType, "type" | "title" | "definition" | "forks" | "source" | "unit"> {
  /** The sum of the losses. */
  readonly sum: Pick<Sum, "name" | "help">;
  /** What one row costs. */
  loss(score: number, isPositive: boolean): number;
}

/** The type of a metric that is a mean loss. */
export function meanLoss({ sum, loss, ...entry }: MeanLoss): MetricType {
  return {
    ...entry,
    higherIsBetter: false,
    needsProbability: true,
    settings: [{ field: "label", default: "click", meaning: "Label of a positive row." }],
    create(settings, meaning) {
      return rowMetric(settings, meaning, {
        label: settings.label ?? "click",
        sums: [
          { name: "rows", help: "Scored rows.", exported: true },
          { ...sum, exported: true },
        ],
        addRow(score, isPositive, sums) {
          sums[0] = (sums[0] ?? 0) + 1;
          sums[1] = (sums[1] ?? 0) + loss(score, isPositive);
        },
        value: ([rows, total]) => ratio(total, rows),
      });
    },
  };
}
