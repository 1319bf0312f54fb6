/**
 * The register of quality metrics: type to how it is made. A new metric is one file, one line here and one row in the
 * conformance test; its part of docs/metrics.md follows from its entry.
 */
import { accuracy } from "./accuracy.ts";
import { areaUnderCurve } from "./area-under-curve.ts";
import { brierScore } from "./brier-score.ts";
import { calibrationError } from "./calibration-error.ts";
import { catalogueCoverage } from "./catalogue-coverage.ts";
import { clickThroughRate } from "./click-through-rate.ts";
import { conversionRate } from "./conversion-rate.ts";
import { dcg } from "./dcg.ts";
import { f1Score } from "./f1-score.ts";
import { hitRate } from "./hit-rate.ts";
import { itemClickThroughRate } from "./item-click-through-rate.ts";
import { labelRatio } from "./label-ratio.ts";
import { logLoss } from "./log-loss.ts";
import { meanAveragePrecision } from "./mean-average-precision.ts";
import type { Metric, MetricSettings, MetricType, MetricTypeName, ScoreMeaning } from "./metric.ts";
import { MetricSettingsError } from "./metric-settings-error.ts";
import { ndcg } from "./ndcg.ts";
import { precision } from "./precision.ts";
import { recall } from "./recall.ts";
import { reciprocalRank } from "./reciprocal-rank.ts";
import { revenuePerRequest } from "./revenue-per-request.ts";

/** Every type of metric, in the order in which people are told of them. */
export const METRIC_TYPES: Readonly<Record<MetricTypeName, MetricType>> = {
  ClickThroughRate: clickThroughRate,
  ConversionRate: conversionRate,
  RevenuePerRequest: revenuePerRequest,
  LabelRatio: labelRatio,
  ItemClickThroughRate: itemClickThroughRate,
  DCG: dcg,
  NDCG: ndcg,
  MAP: meanAveragePrecision,
  MRR: reciprocalRank,
  HitRate: hitRate,
  CatalogueCoverage: catalogueCoverage,
  AreaUnderCurve: areaUnderCurve,
  LogLoss: logLoss,
  BrierScore: brierScore,
  CalibrationError: calibrationError,
  Accuracy: accuracy,
  Precision: precision,
  Recall: recall,
  F1: f1Score,
};

/** What each number of the settings must be. */
const NUMBERS: Readonly<Record<string, { readonly words: string; holds(value: number): boolean }>> = {
  k: { words: "a whole number from 1 to 1000", holds: (k) => Number.isInteger(k) && k >= 1 && k <= 1000 },
  cap: { words: "a number above 0", holds: (cap) => cap > 0 && Number.isFinite(cap) },
  threshold: { words: "a number", holds: Number.isFinite },
  catalogueSize: {
    words: "a whole number from 1 on",
    holds: (size) => Number.isSafeInteger(size) && size >= 1,
  },
};

/**
 * Makes a metric as declared.
 *
 * @throws MetricSettingsError for a setting that the type does not read, lacks, or cannot use.
 */
export function createMetric(settings: MetricSettings, meaning: ScoreMeaning): Metric {
  const { name, type, ...given } = settings;
  const entry = Object.hasOwn(METRIC_TYPES, type) ? METRIC_TYPES[type] : undefined;
  if (entry === undefined) {
    throw new MetricSettingsError(
      name,
      `one of the types ${Object.keys(METRIC_TYPES).join(", ")}`,
      String(type),
    );
  }
  const read = entry.settings.map(({ field }) => field);
  for (const [field, value] of Object.entries(given)) {
    if (value === undefined) continue;
    if (!read.some((one) => one === field)) {
      throw new MetricSettingsError(name, `of ${type} only ${read.join(", ")}`, field);
    }
    const rule = NUMBERS[field];
    if (rule !== undefined && !(typeof value === "number" && rule.holds(value))) {
      throw new MetricSettingsError(name, `${field} to be ${rule.words}`, String(value));
    }
  }
  const missing = entry.settings.find(({ field, required }) => required && settings[field] === undefined);
  if (missing !== undefined) throw new MetricSettingsError(name, missing.field, "none");
  if (entry.needsProbability && !meaning.probability) {
    throw new MetricSettingsError(name, `scores that are probabilities for ${type}`, "scores that are not");
  }
  return entry.create(settings, meaning);
}
