/**
 * What Envoy has counted of the load since it started, read from the answer of its administration.
 *
 * What cannot be understood is an error: a load must not look small because a number is missing.
 */
import { asList, asString, valueAt } from "../api/json.ts";
import { LOAD_COUNTERS, LOAD_PREFIX, type LoadCounter } from "../render/envoy/load-statistics.ts";
import { EnvoyReportError } from "./envoy-report.ts";

/** Totals of one ModelDeployment. */
export type CountedLoad = Readonly<Record<LoadCounter, number>>;

/** With the Envoy that has counted it. */
export interface LoadReport {
  /** By ModelDeployment; one without any request so far is missing. */
  readonly counted: ReadonlyMap<string, CountedLoad>;
  /** Since when Envoy runs: its counts begin then. */
  readonly uptimeSeconds: number;
}

/** No request. */
export const NO_LOAD: CountedLoad = {
  ended: 0,
  answered: 0,
  busy_microseconds: 0,
  given_up_milliseconds: 0,
};

const PREFIX = LOAD_PREFIX.replaceAll(".", "\\.");
const NAME = new RegExp(`^${PREFIX}\\.(${LOAD_COUNTERS.join("|")})\\.model_deployment\\.([^.]+)$`);

/** Path of the administration whose answer {@link parseLoadReport} takes: four counters for each ModelDeployment. */
export const LOAD_REPORT_PATH = `/stats?format=json&filter=${encodeURIComponent(`^${PREFIX}\\.`)}`;

/**
 * Reads the answer to {@link LOAD_REPORT_PATH}, parsed from JSON.
 *
 * @throws {EnvoyReportError} for an answer that is strange in any part.
 */
export function parseLoadReport(answer: unknown): LoadReport["counted"] {
  const stats = valueAt(answer, "stats");
  if (!Array.isArray(stats)) throw wrong('an object with a list "stats"', answer);
  const counted = new Map<string, CountedLoad>();
  for (const stat of asList(stats)) {
    // Envoy tells of all its histograms in one more member, though none is asked for.
    if (valueAt(stat, "histograms") !== undefined) continue;
    const name = asString(valueAt(stat, "name")) ?? "";
    const [, counter, deployment] = NAME.exec(name) ?? [];
    const known = LOAD_COUNTERS.find((one) => one === counter);
    const value = valueAt(stat, "value");
    if (known === undefined || deployment === undefined) throw wrong("a counter of the load", name);
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
      throw wrong(`a count of ${name}`, value);
    counted.set(deployment, { ...(counted.get(deployment) ?? NO_LOAD), [known]: value });
  }
  return counted;
}

function wrong(expected: string, found: unknown): EnvoyReportError {
  const shown = (JSON.stringify(found) ?? "nothing").slice(0, 200);
  return new EnvoyReportError(`expected ${expected} from Envoy's administration, found ${shown}`);
}
