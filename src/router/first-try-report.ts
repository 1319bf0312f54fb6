/**
 * What Envoy has counted of first tries since it started, read from the answer of its administration.
 *
 * What cannot be understood is an error: a candidate must not look good because a number is missing.
 */
import { asList, asNumber, asString, valueAt } from "../api/json.ts";
import {
  BEYOND_ALL,
  FIRST_TRY_EDGES_MILLISECONDS,
  FIRST_TRY_ENDS,
  FIRST_TRY_PREFIX,
  type FirstTryEnd,
  UNITS_PER_MILLISECOND,
} from "../render/envoy/first-try-statistics.ts";
import { type ArmTries, addTries, noTries } from "../stats/first-tries.ts";
import { EnvoyReportError } from "./envoy-report.ts";

/** Both arms of one ModelDeployment. */
export interface CountedArms {
  readonly candidate: ArmTries;
  readonly stable: ArmTries;
}

/** All that Envoy has counted. */
export interface FirstTryReport {
  /** Since when Envoy runs: its counts begin then. */
  readonly uptimeSeconds: number;
  /** By ModelDeployment; one without any first try so far is missing. */
  readonly counted: ReadonlyMap<string, CountedArms>;
}

/** No first try. */
export const NOTHING_COUNTED: CountedArms = {
  candidate: noTries(FIRST_TRY_EDGES_MILLISECONDS),
  stable: noTries(FIRST_TRY_EDGES_MILLISECONDS),
};

const UPTIME = "server.uptime";
/** What goes to another pool says nothing about the arm. */
const FIRST_PRIORITY = "0";
const PREFIX = FIRST_TRY_PREFIX.replaceAll(".", "\\.");
const FILTER = `^(${UPTIME.replace(".", "\\.")}|${PREFIX}\\..*\\.priority\\.${FIRST_PRIORITY}(\\.flags\\..*)?)$`;

/** Path of the administration whose answer {@link parseFirstTryReport} takes. */
export const FIRST_TRY_PATH = `/stats?format=json&histogram_buckets=cumulative&filter=${encodeURIComponent(FILTER)}`;

const NAME = new RegExp(
  `^${PREFIX}\\.(${FIRST_TRY_ENDS.join("|")})\\.model_deployment\\.([^.]+)\\.arm\\.(Candidate|Stable)\\.priority\\.${FIRST_PRIORITY}(?:\\.flags\\.(.*))?$`,
);
/** Envoy waited for the answer as long as a try may take. */
const TIMED_OUT = "UT";
/** Nothing is wrong with the server: the client has gone. */
const NO_FLAG = "-";

/** Reads the answer to {@link FIRST_TRY_PATH}, parsed from JSON. */
export function parseFirstTryReport(answer: unknown): FirstTryReport {
  const stats = valueAt(answer, "stats");
  if (!Array.isArray(stats)) throw wrong('an object with a list "stats"', answer);
  const uptime = stats.find((stat) => valueAt(stat, "name") === UPTIME);
  const uptimeSeconds = asNumber(valueAt(uptime, "value"));
  if (uptimeSeconds === undefined) throw wrong(`the number ${UPTIME}`, uptime);
  const counted = new Map<string, CountedArms>();
  for (const histogram of stats.flatMap((stat) => asList(valueAt(stat, "histograms")))) {
    const [, end, deployment = "", arm, flags] = NAME.exec(asString(valueAt(histogram, "name")) ?? "") ?? [];
    const known = FIRST_TRY_ENDS.find((one) => one === end);
    if (known === undefined) throw wrong("a histogram of first tries", valueAt(histogram, "name"));
    const tries = triesIn(histogram, known, flags);
    const before = counted.get(deployment) ?? NOTHING_COUNTED;
    const name = arm === "Candidate" ? "candidate" : "stable";
    counted.set(deployment, { ...before, [name]: addTries(before[name], tries) });
  }
  return { uptimeSeconds, counted };
}

/** What the client gave up has a latency as well, of at least so long: a server that hangs must not look fast. */
function triesIn(histogram: unknown, end: FirstTryEnd, flags = NO_FLAG): ArmTries {
  const below = cumulativeCounts(histogram);
  const tries = below.get(BEYOND_ALL);
  if (tries === undefined) throw wrong(`a count below ${BEYOND_ALL}`, valueAt(histogram, "name"));
  const isTimed = end === "answered" || flags === NO_FLAG || flags.split(",").includes(TIMED_OUT);
  const isError = end === "refused" || (end === "unanswered" && flags !== NO_FLAG);
  return {
    tries,
    errors: isError ? tries : 0,
    latencies: end === "refused" || !isTimed ? NOTHING_COUNTED.stable.latencies : buckets(below, end, tries),
  };
}

/** By the edge below which they are. */
function cumulativeCounts(histogram: unknown): ReadonlyMap<number, number> {
  return new Map(
    asList(valueAt(histogram, "buckets")).map((bucket) => {
      const [edge, count] = [asNumber(valueAt(bucket, "upper_bound")), valueAt(bucket, "cumulative")];
      if (edge !== undefined && typeof count === "number" && Number.isSafeInteger(count) && count >= 0)
        return [edge, count];
      throw wrong("a bucket with an edge and a count", bucket);
    }),
  );
}

function buckets(below: ReadonlyMap<number, number>, end: FirstTryEnd, tries: number): readonly number[] {
  let before = 0;
  const counts = FIRST_TRY_EDGES_MILLISECONDS.map((edge) => {
    // Where time is counted in whole milliseconds, nothing is told of shorter ones.
    if (end === "unanswered" && edge < 1) return 0;
    const until = below.get(Math.round(edge * UNITS_PER_MILLISECOND[end] * 10) / 10);
    if (until === undefined || until < before) throw wrong(`a growing count below ${edge} ms`, until);
    const count = until - before;
    before = until;
    return count;
  });
  return [...counts, tries - before];
}

function wrong(expected: string, found: unknown): EnvoyReportError {
  const shown = (JSON.stringify(found) ?? "nothing").slice(0, 200);
  return new EnvoyReportError(`expected ${expected} from Envoy's administration, found ${shown}`);
}
