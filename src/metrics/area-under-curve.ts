/**
 * AUC: how well scores tell rows with the label from rows without.
 */
import {
  areaUnderCurve as areaOf,
  PROBABILITY_SCORE_BINS,
  type ScoreBins,
  scoreBinsBetween,
} from "../stats/score-bins.ts";
import type { MetricType, ScoreMeaning, Sum } from "./metric.ts";
import { MetricSettingsError } from "./metric-settings-error.ts";
import { rowMetric } from "./scored-rows.ts";

function binsFor(name: string, { probability, scoreEdges }: ScoreMeaning): ScoreBins {
  if (scoreEdges !== undefined) return scoreBinsBetween(scoreEdges);
  if (probability) return PROBABILITY_SCORE_BINS;
  throw new MetricSettingsError(
    name,
    "scores that are probabilities, or edges of bins for scores that are not",
    "neither",
  );
}

/** Area under the ROC curve. */
export const areaUnderCurve: MetricType = {
  type: "AreaUnderCurve",
  title: "Area under the ROC curve",
  definition:
    "Chance that a row with the label has a better score than a row without, both drawn from all scored rows, equal scores counting half. Scores are counted in 500 bins that are equal on the logit scale, or between quantiles of the revision's scores; those of one bin count as equal.",
  forks: [
    "Over the pairs within each request, then averaged (GAUC).",
    "From uniform bins: 20 of them err by 0.06 on click rates.",
    "Area under the precision-recall curve.",
  ],
  source: "scikit-learn, roc_auc_score, within 0.001",
  unit: "ratio",
  higherIsBetter: true,
  needsProbability: false,
  settings: [{ field: "label", default: "click", meaning: "Label of a positive row." }],
  create(settings, meaning) {
    const bins = binsFor(settings.name, meaning);
    const sums = ["positives", "negatives"].flatMap((name) =>
      Array.from(
        { length: bins.count },
        (_, bin): Sum => ({
          name,
          labels: { bin: String(bin) },
          help: `Rows ${name === "positives" ? "with" : "without"} the label whose score is in the bin.`,
          exported: false,
        }),
      ),
    );
    return rowMetric(settings, meaning, {
      label: settings.label ?? "click",
      sums,
      addRow(score, isPositive, into) {
        const index = bins.binOf(score) + (isPositive ? 0 : bins.count);
        into[index] = (into[index] ?? 0) + 1;
      },
      value(from) {
        const area = areaOf(from.subarray(0, bins.count), from.subarray(bins.count, 2 * bins.count));
        return area === undefined || meaning.higherIsBetter ? area : 1 - area;
      },
    });
  },
};
