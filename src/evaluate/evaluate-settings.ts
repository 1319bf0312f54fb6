/**
 * What an evaluation is told, as a file of JSON: which columns are inputs, label, user and request; what the score means;
 * which metrics are computed and what they are held to. `docs/evaluation.md` lists the members.
 *
 * Everything is bounded, and an unknown member is an error: a misspelt check must not be one that always passes.
 */
import { OFFLINE_METRIC_TYPES } from "../api/validation.ts";
import { errorMessage } from "../core/log.ts";
import type { MetricSettings, MetricTypeName, RowOrder, ScoreMeaning } from "../metrics/metric.ts";
import { MetricSettingsError } from "../metrics/metric-settings-error.ts";
import { createMetric, METRIC_TYPES } from "../metrics/register.ts";
import { shownValue } from "../records/record-error.ts";

/** The file says something else than settings. The message says what was expected, where, and what came. */
export class EvaluateSettingsError extends Error {
  override readonly name = "EvaluateSettingsError";
}

/** An input of the model and where its values are. */
export interface InputColumns {
  readonly name: string;
  /** Joined in this order; a value of NDJSON may be a list. */
  readonly columns: readonly string[];
}

/** A label and where its values are. */
export interface LabelColumn {
  readonly name: string;
  readonly column: string;
}

/** What a metric must be. */
export type CheckRule =
  | { readonly type: "AtLeast" | "AtMost"; readonly value: number }
  /** Not worse than the baseline by more than this share of the baseline's. */
  | { readonly type: "NotWorse"; readonly margin: number };

/** One thing that decides whether the evaluation passes. */
export interface Check {
  readonly metric: string;
  readonly rule: CheckRule;
  /** `Bound`: the whole interval must be on the good side. `Estimate`: the value alone decides. */
  readonly by: "Bound" | "Estimate";
}

/** All of it. */
export interface EvaluateSettings {
  readonly inputs: readonly InputColumns[];
  readonly score: {
    /** Output of the model; its only one unless given. */
    readonly output: string | undefined;
    /** Which of the values of a row it is. */
    readonly index: number;
    readonly meaning: ScoreMeaning;
  };
  /** Column of the user; none when requests are independent. */
  readonly user: string | undefined;
  /** Column that tells which rows are one request; none when each row is one. */
  readonly request: string | undefined;
  readonly labels: readonly LabelColumn[];
  readonly metrics: readonly MetricSettings[];
  readonly checks: readonly Check[];
  /** The probability that a bound is wrong. */
  readonly alpha: number;
}

const MAXIMUM_INPUTS = 256;
const MAXIMUM_COLUMNS = 4_096;
const MAXIMUM_LABELS = 16;
const MAXIMUM_METRICS = 32;
const MAXIMUM_CHECKS = 64;
const MAXIMUM_NAME_LENGTH = 256;
const DEFAULT_ALPHA = 0.05;
const METRIC_FIELDS = ["label", "k", "threshold", "order"] as const;

type Members = Readonly<Record<string, unknown>>;

/**
 * Reads the file.
 *
 * @throws {EvaluateSettingsError}
 */
export function parseEvaluateSettings(text: string): EvaluateSettings {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch (error) {
    throw new EvaluateSettingsError(`expected settings in JSON: ${errorMessage(error)}`);
  }
  const known = ["inputs", "score", "user", "request", "labels", "metrics", "checks", "alpha"];
  const {
    inputs,
    score = {},
    user,
    request,
    labels,
    metrics,
    checks = [],
    alpha = DEFAULT_ALPHA,
  } = members(file, "the file", known);
  if (typeof alpha !== "number" || !(alpha > 0 && alpha < 0.5))
    throw wrong("alpha", "a number between 0 and 0.5", alpha);
  const scoreSettings = scoreOf(score);
  const labelColumns = list(labels, "labels", MAXIMUM_LABELS).map((label, at) =>
    labelOf(label, `labels[${at}]`),
  );
  const labelNames = labelColumns.map(({ name }) => name);
  const metricSettings = list(metrics, "metrics", MAXIMUM_METRICS).map((metric, at) =>
    metricOf(metric, `metrics[${at}]`, labelNames, scoreSettings.meaning),
  );
  const metricNames = metricSettings.map(({ name }) => name);
  const inputColumns = list(inputs, "inputs", MAXIMUM_INPUTS).map((input, at) =>
    inputOf(input, `inputs[${at}]`),
  );
  for (const [place, names] of Object.entries({
    labels: labelNames,
    metrics: metricNames,
    inputs: inputColumns.map(({ name }) => name),
  })) {
    if (names.length === 0) throw wrong(place, "at least one", []);
    const twice = names.find((name, at) => names.indexOf(name) !== at);
    if (twice !== undefined) throw wrong(place, "names that differ", `${twice} twice`);
  }
  return {
    inputs: inputColumns,
    score: scoreSettings,
    user: user === undefined ? undefined : nameOf(user, "user"),
    request: request === undefined ? undefined : nameOf(request, "request"),
    labels: labelColumns,
    metrics: metricSettings,
    checks: list(checks, "checks", MAXIMUM_CHECKS).map((check, at) =>
      checkOf(check, `checks[${at}]`, metricNames),
    ),
    alpha,
  };
}

function scoreOf(value: unknown): EvaluateSettings["score"] {
  const entry = members(value, "score", ["output", "index", "probability", "higherIsBetter"]);
  const { output, index = 0, probability = true, higherIsBetter = true } = entry;
  if (typeof index !== "number" || !Number.isSafeInteger(index) || index < 0) {
    throw wrong("score.index", "a whole number from 0", index);
  }
  if (typeof probability !== "boolean") throw wrong("score.probability", "true or false", probability);
  if (typeof higherIsBetter !== "boolean")
    throw wrong("score.higherIsBetter", "true or false", higherIsBetter);
  return {
    output: output === undefined ? undefined : nameOf(output, "score.output"),
    index,
    meaning: { probability, higherIsBetter },
  };
}

function inputOf(value: unknown, place: string): InputColumns {
  const entry = members(value, place, ["name", "columns"]);
  const name = nameOf(entry["name"], `${place}.name`);
  const columns = list(entry["columns"] ?? [name], `${place}.columns`, MAXIMUM_COLUMNS);
  if (columns.length === 0) throw wrong(`${place}.columns`, "at least one", columns);
  return { name, columns: columns.map((column, at) => nameOf(column, `${place}.columns[${at}]`)) };
}

function labelOf(value: unknown, place: string): LabelColumn {
  const entry = members(value, place, ["name", "column"]);
  const name = nameOf(entry["name"], `${place}.name`);
  return { name, column: nameOf(entry["column"] ?? name, `${place}.column`) };
}

function metricOf(
  value: unknown,
  place: string,
  labels: readonly string[],
  meaning: ScoreMeaning,
): MetricSettings {
  const entry = members(value, place, ["name", "type", ...METRIC_FIELDS]);
  const name = nameOf(entry["name"], `${place}.name`);
  const { type, label = labels[0], order } = entry;
  if (!isMetricType(type)) throw wrong(`${place}.type`, `one of ${OFFLINE_METRIC_TYPES.join(", ")}`, type);
  if (typeof label !== "string" || !labels.includes(label)) {
    throw wrong(`${place}.label`, `one of ${labels.join(", ")}`, label);
  }
  if (order !== undefined && order !== "Model") {
    throw wrong(`${place}.order`, "Model: on a labelled set nothing is displayed", order);
  }
  const isRanking = METRIC_TYPES[type].settings.some(({ field }) => field === "order");
  const settings: MetricSettings = {
    name,
    type,
    label,
    ...(isRanking ? { order: "Model" satisfies RowOrder } : {}),
    ...numberOf(entry, "k", place),
    ...numberOf(entry, "threshold", place),
  };
  try {
    createMetric(settings, { ...meaning, scoreEdges: [0] });
  } catch (error) {
    if (error instanceof MetricSettingsError) throw new EvaluateSettingsError(`${place}: ${error.message}`);
    throw error;
  }
  return settings;
}

function isMetricType(type: unknown): type is MetricTypeName {
  return typeof type === "string" && OFFLINE_METRIC_TYPES.some((one) => one === type);
}

function checkOf(value: unknown, place: string, metrics: readonly string[]): Check {
  const entry = members(value, place, ["metric", "atLeast", "atMost", "nonInferiorityMargin", "by"]);
  const { metric, atLeast, atMost, nonInferiorityMargin, by = "Bound" } = entry;
  if (typeof metric !== "string" || !metrics.includes(metric)) {
    throw wrong(`${place}.metric`, `one of ${metrics.join(", ")}`, metric);
  }
  if (by !== "Bound" && by !== "Estimate") throw wrong(`${place}.by`, "Bound or Estimate", by);
  const given = [atLeast, atMost, nonInferiorityMargin].filter((one) => one !== undefined);
  if (given.length !== 1) {
    throw wrong(place, "one of atLeast, atMost and nonInferiorityMargin", `${given.length} of them`);
  }
  if (nonInferiorityMargin !== undefined) {
    const margin = shareOf(nonInferiorityMargin, `${place}.nonInferiorityMargin`);
    return { metric, by, rule: { type: "NotWorse", margin } };
  }
  const [name, limit] =
    atLeast === undefined ? (["atMost", atMost] as const) : (["atLeast", atLeast] as const);
  if (typeof limit !== "number" || !Number.isFinite(limit))
    throw wrong(`${place}.${name}`, "a number", limit);
  return { metric, by, rule: { type: name === "atLeast" ? "AtLeast" : "AtMost", value: limit } };
}

/** A percentage such as "2%" or "0.5%", as a share. */
function shareOf(value: unknown, place: string): number {
  const [, digits = ""] = typeof value === "string" ? (/^(\d{1,2}(?:\.\d{1,4})?)%$/.exec(value) ?? []) : [];
  const share = digits === "" ? Number.NaN : Number(digits) / 100;
  if (share > 0 && share < 1) return share;
  throw wrong(place, 'a percentage between 0 and 100, such as "2%"', value);
}

function numberOf(entry: Members, field: "k" | "threshold", place: string): Partial<MetricSettings> {
  const value = entry[field];
  if (value === undefined) return {};
  if (typeof value !== "number") throw wrong(`${place}.${field}`, "a number", value);
  return { [field]: value };
}

function members(value: unknown, place: string, known: readonly string[]): Members {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw wrong(place, "an object", value);
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) throw wrong(place, `only ${known.join(", ")}`, unknown);
  return { ...value };
}

function list(value: unknown, place: string, maximum: number): readonly unknown[] {
  if (Array.isArray(value) && value.length <= maximum) return value;
  throw wrong(place, `a list of at most ${maximum}`, value);
}

function nameOf(value: unknown, place: string): string {
  if (typeof value === "string" && value !== "" && value.length <= MAXIMUM_NAME_LENGTH) return value;
  throw wrong(place, `text of 1 to ${MAXIMUM_NAME_LENGTH} characters`, value);
}

function wrong(place: string, expected: string, value: unknown): EvaluateSettingsError {
  return new EvaluateSettingsError(`${place}: expected ${expected}, got ${shownValue(value)}`);
}
