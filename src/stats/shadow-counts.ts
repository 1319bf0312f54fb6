/**
 * What came of requests of which a copy went to a candidate: how far both answers say the same, and how they were served.
 * Sums for each group of users, which add over epochs and collectors; nothing else about a user is kept. Pure.
 *
 * A gate may promote by them, so what is told of them with a part missing, or no number where one belongs, is refused as a
 * whole, with the place.
 */
import { asRecord, parseJson } from "../api/json.ts";
import { isWhole, ToldJson } from "../api/told-json.ts";
import { USER_GROUPS } from "./evidence.ts";
import { type FirstTries, firstTriesBody, readFirstTries } from "./first-tries.ts";

/**
 * Differences between scores are counted up to each of these, so a tolerance is one of them: 1, 2 and 5 of each power of
 * ten.
 */
export const SCORE_TOLERANCES: readonly number[] = [-6, -5, -4, -3, -2, -1, 0, 1].flatMap((power) =>
  [1, 2, 5].map((mantissa) => Number(`${mantissa}e${power}`)),
);

/** The sums, each with a number for every group of users. */
export const SHADOW_SUMS = [
  /** Requests that stable answered well, and of which a copy was sent. */
  "originals",
  /** Of these, those of which both answers are known, be the candidate's an error. */
  "pairs",
  /** Of these, those that the candidate answered well. */
  "answered",
  /** Pairs with at least two rows. */
  "lists",
  /** Of these, those with the same row first. */
  "sameBest",
  /** Of these, those with the same order of all rows. */
  "sameOrder",
  /** Lists that have a rank correlation. */
  "correlated",
  /** What their correlations add up to. */
  "correlation",
] as const;

/** Name of a sum. */
export type ShadowSum = (typeof SHADOW_SUMS)[number];

/** Something for each of the sums. */
export function ofShadowSums<Value>(make: (name: ShadowSum) => Value): Readonly<Record<ShadowSum, Value>> {
  return {
    originals: make("originals"),
    pairs: make("pairs"),
    answered: make("answered"),
    lists: make("lists"),
    sameBest: make("sameBest"),
    sameOrder: make("sameOrder"),
    correlated: make("correlated"),
    correlation: make("correlation"),
  };
}

/** What is known of the copies of one release. */
export interface ShadowCounts {
  readonly sums: Readonly<Record<ShadowSum, ArrayLike<number>>>;
  /** For each of {@link SCORE_TOLERANCES} the pairs whose scores differ by at most so much. */
  readonly within: readonly ArrayLike<number>[];
  /** How copies and originals of the pairs were served, by the servers' own clocks. */
  readonly service: FirstTries;
  /** When the latest pair was found, in seconds since the Unix epoch; absent before the first. */
  readonly lastPairSeconds?: number;
}

/** What a collector tells cannot be used. The message says what was expected and what came. */
export class ShadowCountsError extends Error {
  override readonly name = "ShadowCountsError";
}

const told = new ToldJson(ShadowCountsError);

const LARGEST_COUNT = 1e12;

/** As JSON. */
export function shadowCountsText(deployment: string, counts: ShadowCounts): string {
  return JSON.stringify(shadowCountsBody(deployment, counts));
}

/** The object of that JSON. */
export function shadowCountsBody(
  deployment: string,
  { sums, within, service, lastPairSeconds }: ShadowCounts,
): unknown {
  return {
    deployment,
    sums: ofShadowSums((name) => Array.from(sums[name])),
    within: within.map((counts) => Array.from(counts)),
    service: firstTriesBody(deployment, service),
    lastPairSeconds,
  };
}

/**
 * Reads an answer. Members that are not known are passed over: a collector may be newer than who reads.
 *
 * @param where it came from, for the message.
 * @throws {ShadowCountsError} or a FirstTriesError for anything but a whole answer about this deployment.
 */
export function parseShadowCounts(text: string, deployment: string, where: string): ShadowCounts {
  const answer = asRecord(parseJson(text));
  if (answer === undefined) throw told.wrong(where, "a whole answer in JSON", `${text.length} characters`);
  if (answer["deployment"] !== deployment)
    throw told.wrong(`${where}: deployment`, JSON.stringify(deployment), answer["deployment"]);
  const saidSums = asRecord(answer["sums"]) ?? {};
  const sums = ofShadowSums((name) =>
    groupsOf(saidSums[name], name === "correlation" ? -LARGEST_COUNT : 0, `${where}: sums.${name}`),
  );
  const ladder = answer["within"];
  if (!Array.isArray(ladder) || ladder.length !== SCORE_TOLERANCES.length)
    throw told.wrong(`${where}: within`, `${SCORE_TOLERANCES.length} lists`, ladder);
  const within = ladder.map((counts, at) => groupsOf(counts, 0, `${where}: within[${at}]`));
  requireOrder(sums, within, where);
  const { lastPairSeconds } = answer;
  if (lastPairSeconds !== undefined && !isWhole(lastPairSeconds))
    throw told.wrong(`${where}: lastPairSeconds`, "whole seconds", lastPairSeconds);
  return {
    sums,
    within,
    service: readFirstTries(answer["service"], deployment, `${where}: service`),
    ...(lastPairSeconds === undefined ? {} : { lastPairSeconds }),
  };
}

/** Each of these counts a part of the one before it. */
const PARTS: readonly (readonly [ShadowSum, ShadowSum])[] = [
  ["pairs", "originals"],
  ["answered", "pairs"],
  ["lists", "pairs"],
  ["sameBest", "lists"],
  ["sameOrder", "sameBest"],
  ["correlated", "lists"],
];

function requireOrder(
  sums: Readonly<Record<ShadowSum, readonly number[]>>,
  within: readonly (readonly number[])[],
  where: string,
): void {
  for (let group = 0; group < USER_GROUPS; group++) {
    const of = (name: ShadowSum) => sums[name][group] ?? Number.NaN;
    for (const [part, whole] of PARTS) {
      if (!(of(part) <= of(whole)))
        throw told.wrong(`${where}: sums.${part}[${group}]`, `at most ${of(whole)}`, of(part));
    }
    if (!(Math.abs(of("correlation")) <= of("correlated") + 1e-6))
      throw told.wrong(
        `${where}: sums.correlation[${group}]`,
        `within ${of("correlated")}`,
        of("correlation"),
      );
    let before = 0;
    for (const [at, counts] of within.entries()) {
      const count = counts[group] ?? Number.NaN;
      if (!(count >= before && count <= of("answered")))
        throw told.wrong(`${where}: within[${at}][${group}]`, `from ${before} to ${of("answered")}`, count);
      before = count;
    }
  }
}

function groupsOf(value: unknown, least: number, where: string): readonly number[] {
  if (!Array.isArray(value) || value.length !== USER_GROUPS)
    throw told.wrong(where, `a number for each of ${USER_GROUPS} groups`, value);
  return value.map((number: unknown, group) => {
    const isCount = least === 0 ? isWhole(number) : typeof number === "number" && Number.isFinite(number);
    if (isCount && Number(number) <= LARGEST_COUNT) return Number(number);
    throw told.wrong(`${where}[${group}]`, least === 0 ? "a whole number from 0 on" : "a number", number);
  });
}
