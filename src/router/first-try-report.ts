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
  UNCOMPARED,
  UNITS_PER_MILLISECOND,
} from "../render/envoy/first-try-statistics.ts";
import { type ArmTries, addTries, noTries } from "../stats/first-tries.ts";
import { EnvoyReportError } from "./envoy-report.ts";

/** Both arms of one ModelDeployment. */
export interface CountedArms {
  readonly candidate: ArmTries;
  readonly stable: ArmTries;
  /** First tries that went to stable for another reason than chance. */
  readonly uncompared: number;
}

/** What Envoy has counted of some ModelDeployments. */
export interface FirstTryCounts {
  /** By ModelDeployment; one without any first try so far is missing. */
  readonly counted: ReadonlyMap<string, CountedArms>;
  /** Why nothing is known of ModelDeployments, by name: what Envoy told of them is strange. */
  readonly strange: ReadonlyMap<string, EnvoyReportError>;
}

/** With the Envoy that has counted it. */
export interface FirstTryReport extends FirstTryCounts {
  /** Since when it runs: its counts begin then. */
  readonly uptimeSeconds: number;
}

/** No first try. */
export const NOTHING_COUNTED: CountedArms = {
  candidate: noTries(FIRST_TRY_EDGES_MILLISECONDS),
  stable: noTries(FIRST_TRY_EDGES_MILLISECONDS),
  uncompared: 0,
};

/** What goes to another pool says nothing about the arm. */
const FIRST_PRIORITY = "0";
const PREFIX = FIRST_TRY_PREFIX.replaceAll(".", "\\.");

/**
 * ModelDeployments that are asked about at a time: with names of at most 63 characters the path stays below 8 KiB, far
 * below what Envoy takes, and the answer below what its client does.
 */
export const ASKED_TOGETHER = 100;

/**
 * Path of the administration whose answer {@link parseFirstTryReport} takes.
 *
 * Envoy keeps the statistics of every ModelDeployment that ever split its traffic, so it is asked by name.
 *
 * @param deployments at most {@link ASKED_TOGETHER} names, which are DNS labels: no character of them means anything in a
 *   regular expression, or in a URL.
 */
export function firstTryPath(deployments: readonly string[]): string {
  const ofThese = `${PREFIX}\\.[a-z]+\\.model_deployment\\.(${deployments.join("|")})\\.arm\\..*`;
  const filter = `^${ofThese}\\.priority\\.${FIRST_PRIORITY}(\\.flags\\..*)?$`;
  return `/stats?format=json&histogram_buckets=cumulative&filter=${encodeURIComponent(filter)}`;
}

const NAME = new RegExp(
  `^${PREFIX}\\.(${FIRST_TRY_ENDS.join("|")})\\.model_deployment\\.[^.]+\\.arm\\.(Candidate|Stable|${UNCOMPARED})\\.priority\\.${FIRST_PRIORITY}(?:\\.flags\\.(.*))?$`,
);
const DEPLOYMENT = /\.model_deployment\.([^.]+)\./;
/** Envoy waited for the answer as long as a try may take. */
const TIMED_OUT = "UT";
/** Nothing is wrong with the server: the client has gone. */
const NO_FLAG = "-";

/**
 * Reads the answer to {@link firstTryPath}, parsed from JSON.
 *
 * @throws {EnvoyReportError} for an answer that is strange as a whole, or in what belongs to no ModelDeployment.
 */
export function parseFirstTryReport(answer: unknown): FirstTryCounts {
  const stats = valueAt(answer, "stats");
  if (!Array.isArray(stats)) throw wrong('an object with a list "stats"', answer);
  const counted = new Map<string, CountedArms>();
  const strange = new Map<string, EnvoyReportError>();
  for (const histogram of stats.flatMap((stat) => asList(valueAt(stat, "histograms")))) {
    const name = asString(valueAt(histogram, "name")) ?? "";
    const [, deployment] = DEPLOYMENT.exec(name) ?? [];
    if (deployment === undefined) throw wrong("a histogram of first tries", name);
    try {
      counted.set(deployment, withHistogram(counted.get(deployment) ?? NOTHING_COUNTED, name, histogram));
    } catch (error) {
      if (!(error instanceof EnvoyReportError)) throw error;
      strange.set(deployment, error);
    }
  }
  for (const deployment of strange.keys()) counted.delete(deployment);
  return { counted, strange };
}

function withHistogram(before: CountedArms, name: string, histogram: unknown): CountedArms {
  const [, end, armName, flags] = NAME.exec(name) ?? [];
  const known = FIRST_TRY_ENDS.find((one) => one === end);
  if (known === undefined) throw wrong("a histogram of first tries", name);
  const tries = triesIn(histogram, known, flags);
  if (armName === UNCOMPARED) return { ...before, uncompared: before.uncompared + tries.tries };
  const arm = armName === "Candidate" ? "candidate" : "stable";
  return { ...before, [arm]: addTries(before[arm], tries) };
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
