/**
 * What the collector collects, as a file of JSON:
 *
 *     {"deployments": [{"name": "ranker", "uid": "...", "labels": [{"name": "click", "matures": "30m"}],
 *                       "metrics": [{"name": "ctr", "type": "ClickThroughRate", "label": "click"}],
 *                       "anomalies": {"falseAlarmEvery": "720h"}}]}
 *
 * Everything is bounded, and an unknown member is an error: a misspelt one must not be a metric that never counts.
 */
import { parseDurationMilliseconds } from "../api/duration.ts";
import { asRecord } from "../api/json.ts";
import {
  isAmountMetric,
  isScoreMetric,
  METRIC_DIRECTIONS,
  QUALITY_METRIC_TYPES,
} from "../api/quality-metrics.ts";
import { errorMessage } from "../core/log.ts";
import { MetricSettingsError } from "../metrics/metric-settings-error.ts";
import { nameTag } from "../token/tags.ts";
import { parseTrainingLog, type TrainingLogSettings } from "../training-log/log-settings.ts";
import { type LiveMetric, liveMetric } from "./live-metric.ts";
import { type ScoreMetric, scoreMetric } from "./score-metric.ts";

/** The file says something else than settings. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

/** A label and how long it takes. */
export interface LabelDefinition {
  readonly name: string;
  /** A label that comes later after its prediction does not count for a promotion. */
  readonly maturesSeconds: number;
}

/** One ModelDeployment whose requests are collected. */
export interface DeploymentSettings {
  readonly name: string;
  readonly uid: string;
  /** Stands for it in tokens. */
  readonly tag: number;
  readonly labels: readonly LabelDefinition[];
  /** Metrics of labels alone. */
  readonly metrics: readonly LiveMetric[];
  /** Metrics of labels and scores. */
  readonly scores: readonly ScoreMetric[];
  /** Names of metrics of which less is better: for who reads what it shows, for nothing here is judged by them. */
  readonly lowerIsBetter: readonly string[];
  /** Days in which its series may raise one false alarm together; undefined where they are not watched. */
  readonly falseAlarmDays?: number;
  /** How its labels are logged for training; undefined where they are not. */
  readonly log?: TrainingLogSettings;
}

/** All of them. */
export interface Settings {
  readonly deployments: readonly DeploymentSettings[];
}

const MAXIMUM_DEPLOYMENTS = 5_000;
const MAXIMUM_LABELS = 16;
const MAXIMUM_METRICS = 32;
const LONGEST_MATURITY_SECONDS = 90 * 86_400;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/**
 * Reads the file.
 *
 * @throws {SettingsError}
 */
export function parseSettings(text: string): Settings {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch (error) {
    throw new SettingsError(`expected settings in JSON: ${errorMessage(error)}`);
  }
  const { deployments } = members(file, "the file", ["deployments"]);
  const parsed = list(deployments, "deployments", MAXIMUM_DEPLOYMENTS).map(deploymentOf);
  distinct(
    parsed.map(({ name }) => name),
    "deployments",
  );
  // Two uids whose 32 bits are the same could not be told apart in tokens.
  distinct(
    parsed.map(({ tag }) => String(tag)),
    "tags of deployments",
  );
  return { deployments: parsed };
}

function deploymentOf(value: unknown, index: number): DeploymentSettings {
  const place = `deployments[${index}]`;
  const entry = members(value, place, ["name", "uid", "labels", "metrics", "anomalies", "log"]);
  const name = nameOf(entry["name"], `${place}.name`);
  const uid = nameOf(entry["uid"], `${place}.uid`);
  const labels = list(entry["labels"], `${place}.labels`, MAXIMUM_LABELS).map((label, at) =>
    labelOf(label, `${place}.labels[${at}]`),
  );
  const labelNames = labels.map((label) => label.name);
  const entries = list(entry["metrics"] ?? [], `${place}.metrics`, MAXIMUM_METRICS);
  const metrics = entries.map((metric, at) => metricOf(metric, `${place}.metrics[${at}]`, labelNames));
  const lowerIsBetter = metrics.flatMap(({ definition }, at) =>
    isLowerBetter(entries[at], `${place}.metrics[${at}]`) ? [definition.name] : [],
  );
  distinct(labelNames, `${place}.labels`);
  distinct(
    metrics.map(({ definition }) => definition.name),
    `${place}.metrics`,
  );
  const watched =
    entry["anomalies"] === undefined ? {} : anomaliesOf(entry["anomalies"], `${place}.anomalies`);
  const logged = entry["log"] === undefined ? {} : { log: parseTrainingLog(entry["log"], `${place}.log`) };
  if (entry["anomalies"] !== undefined && labels.length === 0) {
    // How long a window must wait for its labels would be the longest of nothing.
    throw new SettingsError(`expected ${place}.labels not to be empty where there are ${place}.anomalies`);
  }
  return {
    ...{ name, uid, tag: nameTag(uid), labels, lowerIsBetter, ...watched, ...logged },
    metrics: metrics.filter((metric): metric is LiveMetric => !isOfScores(metric)),
    scores: metrics.filter(isOfScores),
  };
}

function isOfScores(metric: LiveMetric | ScoreMetric): metric is ScoreMetric {
  return isScoreMetric(metric.definition.type);
}

/** No part of its definition: what is counted stays the same. */
function isLowerBetter(value: unknown, place: string): boolean {
  const better = asRecord(value)?.["better"] ?? "Higher";
  if (METRIC_DIRECTIONS.some((known) => known === better)) return better === "Lower";
  throw new SettingsError(
    `expected ${place}.better to be one of ${METRIC_DIRECTIONS.join(", ")}, got ${JSON.stringify(better)}`,
  );
}

function labelOf(value: unknown, place: string): LabelDefinition {
  const entry = members(value, place, ["name", "matures"]);
  const name = nameOf(entry["name"], `${place}.name`);
  const { matures } = entry;
  const maturesSeconds = secondsOf(matures);
  if (!(maturesSeconds > 0 && maturesSeconds <= LONGEST_MATURITY_SECONDS)) {
    throw new SettingsError(
      `expected ${place}.matures to be a duration of at most 2160h, such as "30m", got ${JSON.stringify(matures)}`,
    );
  }
  return { name, maturesSeconds };
}

function anomaliesOf(value: unknown, place: string): { readonly falseAlarmDays: number } {
  const { falseAlarmEvery } = members(value, place, ["falseAlarmEvery"]);
  const falseAlarmDays = secondsOf(falseAlarmEvery) / 86_400;
  if (falseAlarmDays >= 1 && falseAlarmDays <= 365) return { falseAlarmDays };
  throw new SettingsError(
    `expected ${place}.falseAlarmEvery to be a duration from 24h to 8760h, got ${JSON.stringify(falseAlarmEvery)}`,
  );
}

/** Not a number where the text is no duration. */
function secondsOf(text: unknown): number {
  try {
    return typeof text === "string" ? parseDurationMilliseconds(text) / 1_000 : Number.NaN;
  } catch {
    return Number.NaN;
  }
}

function metricOf(value: unknown, place: string, labels: readonly string[]): LiveMetric | ScoreMetric {
  const entry = members(value, place, ["name", "type", "label", "better", "cap", "k", "threshold"]);
  const name = nameOf(entry["name"], `${place}.name`);
  const { type: given, label } = entry;
  const type = QUALITY_METRIC_TYPES.find((known) => known === given);
  if (type === undefined) {
    throw new SettingsError(
      `expected ${place}.type to be one of ${QUALITY_METRIC_TYPES.join(", ")}, got ${JSON.stringify(given)}`,
    );
  }
  if (typeof label !== "string" || !labels.includes(label)) {
    throw new SettingsError(
      `expected ${place}.label to be one of ${labels.join(", ")}, got ${JSON.stringify(label)}`,
    );
  }
  const [cap, k, threshold] = [
    numberOf(entry, "cap", place),
    numberOf(entry, "k", place),
    thresholdOf(entry, place),
  ];
  if (isAmountMetric(type) && !(cap !== undefined && cap > 0 && cap <= 1e9)) {
    // One order of a fortune would decide a comparison.
    throw new SettingsError(`expected ${place}.cap to be a number above 0 and at most 1e9`);
  }
  const made = {
    ...{ name, label },
    ...(cap === undefined ? {} : { cap }),
    ...(k === undefined ? {} : { k }),
    ...(threshold === undefined ? {} : { threshold }),
  };
  try {
    return isScoreMetric(type) ? scoreMetric({ ...made, type }) : liveMetric({ ...made, type });
  } catch (error) {
    if (error instanceof MetricSettingsError) throw new SettingsError(`${place}: ${error.message}`);
    throw error;
  }
}

/** A number from 0 to 1, or a text of one, as an apiserver has it. */
function thresholdOf(entry: Readonly<Record<string, unknown>>, place: string): number | undefined {
  const { threshold } = entry;
  if (threshold === undefined) return undefined;
  const value = typeof threshold === "string" && threshold.trim() !== "" ? Number(threshold) : threshold;
  if (typeof value === "number" && value >= 0 && value <= 1) return value;
  throw new SettingsError(
    `expected ${place}.threshold to be a number from 0 to 1, got ${JSON.stringify(threshold)}`,
  );
}

function numberOf(
  entry: Readonly<Record<string, unknown>>,
  member: "cap" | "k",
  place: string,
): number | undefined {
  const value = entry[member];
  if (value === undefined || typeof value === "number") return value;
  throw new SettingsError(`expected ${place}.${member} to be a number, got ${JSON.stringify(value)}`);
}

function members(value: unknown, place: string, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new SettingsError(`expected ${place} to be an object`);
  }
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new SettingsError(`expected ${place} to have only ${known.join(", ")}, got ${unknown}`);
  }
  return { ...value };
}

function list(value: unknown, place: string, maximum: number): readonly unknown[] {
  if (Array.isArray(value) && value.length <= maximum) return value;
  throw new SettingsError(`expected ${place} to be a list of at most ${maximum}`);
}

function nameOf(value: unknown, place: string): string {
  if (typeof value === "string" && NAME.test(value)) return value;
  throw new SettingsError(`expected ${place} to be 1 to 63 letters, digits, '.', '_' or '-'`);
}

function distinct(names: readonly string[], place: string): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw new SettingsError(`expected ${place} to differ, got ${name} twice`);
    seen.add(name);
  }
}
