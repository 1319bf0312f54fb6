/**
 * What a quality metric is: a function from a settled request to sums, and a function from sums to a value. Sums add
 * over requests, replicas, arms, groups of users and time, so that nothing is ever averaged twice.
 *
 * A metric must never keep anything of a request but its sums, and never need more of them than it declares.
 */
import type { SettledRequest } from "./settled-request.ts";

/** Names of the registered types of metrics, as in `quality.metrics[].type`. */
export type MetricTypeName =
  | "Accuracy"
  | "AreaUnderCurve"
  | "BrierScore"
  | "CalibrationError"
  | "CatalogueCoverage"
  | "ClickThroughRate"
  | "ConversionRate"
  | "DCG"
  | "F1"
  | "HitRate"
  | "ItemClickThroughRate"
  | "LabelRatio"
  | "LogLoss"
  | "MAP"
  | "MRR"
  | "NDCG"
  | "Precision"
  | "Recall"
  | "RevenuePerRequest";

/** Which order of the rows a ranking metric looks at. */
export type RowOrder = "Model" | "Displayed";

/** How a metric is declared. Which fields a type reads, and their defaults, stand in its register entry. */
export interface MetricSettings {
  readonly name: string;
  readonly type: MetricTypeName;
  /** The label that is counted. */
  readonly label?: string;
  /** The label that it is divided by; the requests when absent. */
  readonly denominator?: string;
  /** How many places of the list count. */
  readonly k?: number;
  /** Most that one request may add. */
  readonly cap?: number;
  /** Score from which on a row is predicted to be positive. */
  readonly threshold?: number;
  readonly order?: RowOrder;
  /** Number of items in the catalogue. */
  readonly catalogueSize?: number;
}

/** What the scores of a model are: `quality.response`. */
export interface ScoreMeaning {
  /** Whether a score is the probability of the label. */
  readonly probability: boolean;
  readonly higherIsBetter: boolean;
  /**
   * Ascending edges of the bins in which scores that are no probabilities are counted, such as quantiles of the
   * revision's scores. Without them such scores have no area under the curve.
   */
  readonly scoreEdges?: readonly number[];
}

/** One number that a metric keeps. */
export interface Sum {
  /** Snake case, unique within the metric together with `labels`. */
  readonly name: string;
  /** Tells sums of one name apart, such as one for each position. */
  readonly labels?: Readonly<Record<string, string>>;
  /** What is added up, in one sentence. */
  readonly help: string;
  /** Whether Prometheus gets it as a counter. Not for sums by the thousand. */
  readonly exported: boolean;
}

/** What a gate may do with a metric. */
export type GateUse =
  /**
   * Compares arms by the mean outcome of a request, over groups of users. The outcome is never negative;
   * `zeroOrOne` says that it is 0 or 1.
   */
  | { readonly type: "Outcome"; readonly zeroOrOne: boolean }
  /** Only describes: the arms' values cannot be compared, for the reason given. */
  | { readonly type: "Descriptive"; readonly reason: string };

/** A declared metric, ready to count. */
export interface Metric {
  readonly name: string;
  readonly type: MetricTypeName;
  /** The labels that it reads. It is final once the slowest of them is. */
  readonly labels: readonly string[];
  readonly gate: GateUse;
  readonly sums: readonly Sum[];
  /** Adds what one request contributes to `sums`, which has as many elements as this metric has sums. */
  add(request: SettledRequest, sums: Float64Array): void;
  /** The metric's value, or undefined where nothing was counted that it could be made of. */
  value(sums: Float64Array): number | undefined;
  /**
   * What the request adds to y, where a request without feedback adds 0: never negative. Of every metric that is a mean
   * over requests, whether arms can be compared by it or not.
   */
  outcome?(request: SettledRequest): RequestNumber;
}

/**
 * A request's number. `Unordered`: a row with the label is there, but not where it stood. Such a request adds 0 to y, and
 * whoever counts says how many there were.
 */
export type RequestNumber = number | "Unordered";

/** One field of {@link MetricSettings} that a type of metric reads. */
export interface SettingRule {
  readonly field: "label" | "denominator" | "k" | "cap" | "threshold" | "order" | "catalogueSize";
  /** Taken when the field is absent; undefined when the metric does without it, or needs it. */
  readonly default?: string | number;
  readonly required?: true;
  readonly meaning: string;
}

/** A type of metric: an entry of the register. */
export interface MetricType {
  readonly type: MetricTypeName;
  readonly title: string;
  /** What its value is, exactly. */
  readonly definition: string;
  /** Other definitions under the same name, that were not taken. */
  readonly forks: readonly string[];
  /** Where the definition comes from, and with what its numbers were compared. */
  readonly source: string;
  /** Of the value: `ratio`, `nats`, or words. */
  readonly unit: string;
  readonly higherIsBetter: boolean;
  /** Whether the scores of the rows must be probabilities. */
  readonly needsProbability: boolean;
  readonly settings: readonly SettingRule[];
  /** Makes a metric of checked settings. */
  create(settings: MetricSettings, meaning: ScoreMeaning): Metric;
}

/** Adds sums of other requests, replicas or times; with `sign` -1, takes them away. */
export function addSums(target: Float64Array, added: Float64Array, sign: 1 | -1 = 1): void {
  if (target.length !== added.length) {
    throw new RangeError(`sums of one metric: expected ${target.length}, got ${added.length}`);
  }
  for (const [index, value] of added.entries()) target[index] = (target[index] ?? 0) + sign * value;
}

/** A quotient, or undefined when there is nothing to divide by. */
export function ratio(numerator: number | undefined, denominator: number | undefined): number | undefined {
  return numerator === undefined || denominator === undefined || denominator <= 0
    ? undefined
    : numerator / denominator;
}
