/**
 * What of a request is observed: which output is the score, which numbers of the inputs are features, who the user is
 * and how old the features are. The part `observe` of the file of settings, which the model server and the sidecar read
 * alike:
 *
 *     {"scores": {"output": "score", "column": 0, "probability": true},
 *      "features": [{"name": "price", "input": "features", "column": 3, "minimum": 0}],
 *      "userHeader": "x-user-id", "featureTime": {"header": "x-feature-time"}, "maximumRows": 16}
 */
import { SCORE_COLUMN } from "../api/observe.ts";
import {
  booleanOf,
  headerOf,
  listOf,
  membersOf,
  nameOf,
  numberOf,
  requireDistinct,
  SettingsError,
  textOf,
  wholeNumberOf,
} from "./settings-checks.ts";

/** Where a number of each row stands: in a tensor, at a place of the row. */
export interface TensorPlace {
  readonly tensor: string;
  readonly column: number;
}

/** One number of each row that is observed. */
export interface ObservedColumn extends TensorPlace {
  /** Stands in metrics and in the training log. */
  readonly name: string;
  readonly from: "input" | "output";
  /** Values below or above are out of range. */
  readonly minimum: number;
  readonly maximum: number;
  /** Ascending bounds of the buckets in which values are counted. */
  readonly edges: readonly number[];
}

/** Where the time stands at which the features were made, in seconds since the Unix epoch. */
export type FeatureTime = { readonly header: string } | TensorPlace;

/** All of it. */
export interface ObservedSettings {
  /** The score, if any, first. */
  readonly columns: readonly ObservedColumn[];
  readonly userHeader: string | undefined;
  readonly featureTime: FeatureTime | undefined;
  /** Rows of a request that are told of, beside one that is drawn from all. */
  readonly maximumRows: number;
}

/** Most columns. */
export const MAXIMUM_COLUMNS = 64;
/** Most rows of a request that can be told of. */
export const MAXIMUM_DESCRIBED_ROWS = 63;

const MAXIMUM_EDGES = 50;
const LAST_PLACE = 1_000_000;
const DEFAULT_ROWS = 16;
const PROBABILITY_EDGES = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995,
];
const DECADES = [1e-3, 1e-2, 1e-1, 1, 10, 100, 1_000, 10_000, 100_000];
const NUMBER_EDGES = [...DECADES.map((edge) => -edge).reverse(), 0, ...DECADES];

/**
 * Reads the part `observe`.
 *
 * @throws {SettingsError}
 */
export function parseObserved(value: unknown, place = "observe"): ObservedSettings {
  const given = membersOf(value, place, ["scores", "features", "userHeader", "featureTime", "maximumRows"]);
  const scores = given["scores"] === undefined ? undefined : scoresOf(given["scores"], `${place}.scores`);
  const features = listOf(given["features"] ?? [], `${place}.features`, MAXIMUM_COLUMNS - 1).map(
    (feature, index) => featureOf(feature, `${place}.features[${index}]`),
  );
  const columns = [...(scores === undefined ? [] : [scores]), ...features];
  if (columns.length === 0) {
    throw new SettingsError(`expected ${place} to have scores or features, got neither`);
  }
  requireDistinct(
    columns.map(({ name }) => name),
    `names of columns, of which "${SCORE_COLUMN}" is the score,`,
  );
  return {
    columns,
    userHeader:
      given["userHeader"] === undefined ? undefined : headerOf(given["userHeader"], `${place}.userHeader`),
    featureTime:
      given["featureTime"] === undefined
        ? undefined
        : featureTimeOf(given["featureTime"], `${place}.featureTime`),
    maximumRows: wholeNumberOf(
      given["maximumRows"] ?? DEFAULT_ROWS,
      `${place}.maximumRows`,
      1,
      MAXIMUM_DESCRIBED_ROWS,
    ),
  };
}

/** Reads the part `observe` of a whole file, for a program that needs no other. */
export function parseObservedFile(text: string): ObservedSettings {
  return parseObserved(jsonObjectOf(text)["observe"]);
}

/**
 * The object that a file of settings is.
 *
 * @throws {SettingsError}
 */
export function jsonObjectOf(text: string): Readonly<Record<string, unknown>> {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch (error) {
    throw new SettingsError(
      `expected settings in JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (typeof file === "object" && file !== null && !Array.isArray(file)) return { ...file };
  throw new SettingsError("expected the file to be an object");
}

function scoresOf(value: unknown, place: string): ObservedColumn {
  const given = membersOf(value, place, ["output", "column", "probability", "minimum", "maximum", "edges"]);
  const probability = booleanOf(given["probability"] ?? false, `${place}.probability`);
  const range = probability ? { minimum: 0, maximum: 1, edges: PROBABILITY_EDGES } : undefined;
  return {
    name: SCORE_COLUMN,
    from: "output",
    tensor: textOf(given["output"], `${place}.output`),
    ...placeAndRange(given, place, range),
  };
}

function featureOf(value: unknown, place: string): ObservedColumn {
  const given = membersOf(value, place, ["name", "input", "column", "minimum", "maximum", "edges"]);
  return {
    name: nameOf(given["name"], `${place}.name`),
    from: "input",
    tensor: textOf(given["input"], `${place}.input`),
    ...placeAndRange(given, place, undefined),
  };
}

function placeAndRange(
  given: Readonly<Record<string, unknown>>,
  place: string,
  usual:
    | { readonly minimum: number; readonly maximum: number; readonly edges: readonly number[] }
    | undefined,
) {
  const bound = (name: "minimum" | "maximum", otherwise: number) =>
    given[name] === undefined
      ? (usual?.[name] ?? otherwise)
      : numberOf(given[name], `${place}.${name}`, -Number.MAX_VALUE, Number.MAX_VALUE);
  const minimum = bound("minimum", Number.NEGATIVE_INFINITY);
  const maximum = bound("maximum", Number.POSITIVE_INFINITY);
  if (minimum > maximum) {
    throw new SettingsError(`expected ${place}.minimum to be at most the maximum ${maximum}, got ${minimum}`);
  }
  const edges =
    given["edges"] === undefined ? (usual?.edges ?? NUMBER_EDGES) : edgesOf(given["edges"], place);
  return { column: columnOf(given["column"], place), minimum, maximum, edges };
}

function edgesOf(value: unknown, place: string): readonly number[] {
  const edges = listOf(value, `${place}.edges`, MAXIMUM_EDGES).map((edge, index) =>
    numberOf(edge, `${place}.edges[${index}]`, -Number.MAX_VALUE, Number.MAX_VALUE),
  );
  const descending = edges.findIndex((edge, index) => index > 0 && edge <= (edges[index - 1] ?? edge));
  if (edges.length === 0 || descending >= 0) {
    throw new SettingsError(
      `expected ${place}.edges to be ascending numbers, got ${descending < 0 ? "none" : edges[descending]}`,
    );
  }
  return edges;
}

function featureTimeOf(value: unknown, place: string): FeatureTime {
  const given = membersOf(value, place, ["header", "input", "column"]);
  if (given["header"] === undefined) {
    return { tensor: textOf(given["input"], `${place}.input`), column: columnOf(given["column"], place) };
  }
  if (given["input"] !== undefined) {
    throw new SettingsError(`expected ${place} to have a header or an input, got both`);
  }
  return { header: headerOf(given["header"], `${place}.header`) };
}

function columnOf(value: unknown, place: string): number {
  return wholeNumberOf(value ?? 0, `${place}.column`, 0, LAST_PLACE);
}
