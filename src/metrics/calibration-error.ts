/**
 * Calibration error: how far the predicted rates are from the rates that came true, bin by bin.
 */
import { type MetricType, ratio, type Sum } from "./metric.ts";
import { rowMetric } from "./scored-rows.ts";

/**
 * Where bins begin. Finer towards 0: rates of clicks and orders are a few in a hundred, and equal bins would put all of
 * them into one. Fixed, so that sums of any two replicas or days add.
 */
const BIN_STARTS = [0, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8];

const SUMS_PER_BIN = 3;

/** Expected calibration error. */
export const calibrationError: MetricType = {
  type: "CalibrationError",
  title: "Expected calibration error",
  definition: `Mean over scored rows of |mean score - share of positives| of the row's bin; bins begin at ${BIN_STARTS.join(", ")}.`,
  forks: [
    "10 or 15 bins of equal width (Guo et al. 2017): one bin holds all scores of a shop.",
    "Bins of equal counts, whose edges differ between replicas.",
    "The largest difference instead of the mean (maximum calibration error).",
  ],
  source:
    "Guo et al. 2017, On Calibration of Modern Neural Networks; computed again with numpy over the same bins",
  unit: "ratio",
  higherIsBetter: false,
  needsProbability: true,
  settings: [{ field: "label", default: "click", meaning: "Label of a positive row." }],
  create(settings, meaning) {
    const sums = BIN_STARTS.flatMap((from): Sum[] => {
      const labels = { bin: String(from) };
      return [
        { name: "rows", labels, help: "Scored rows of the bin that begins here.", exported: true },
        { name: "scores", labels, help: "Sum of the scores of the bin that begins here.", exported: true },
        {
          name: "positives",
          labels,
          help: "Rows with the label of the bin that begins here.",
          exported: true,
        },
      ];
    });
    return rowMetric(settings, meaning, {
      label: settings.label ?? "click",
      sums,
      addRow(score, isPositive, into) {
        const first = BIN_STARTS.findLastIndex((start) => score >= start) * SUMS_PER_BIN;
        into[first] = (into[first] ?? 0) + 1;
        into[first + 1] = (into[first + 1] ?? 0) + score;
        into[first + 2] = (into[first + 2] ?? 0) + (isPositive ? 1 : 0);
      },
      value(from) {
        let [rows, difference] = [0, 0];
        for (let bin = 0; bin < BIN_STARTS.length; bin++) {
          const [count = 0, scores = 0, positives = 0] = from.subarray(bin * SUMS_PER_BIN);
          rows += count;
          difference += Math.abs(scores - positives);
        }
        return ratio(difference, rows);
      },
    });
  },
};
