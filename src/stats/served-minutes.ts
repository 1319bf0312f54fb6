/**
 * What clients got, minute by minute: how many requests of an arm ended, how many of these failed, and how long they took.
 * A router adds up its access log so, and hands it over with the batch that the lines are in; a collector watches it.
 *
 * Buckets are the same in every version, by a formula: counts of two routers, and of a minute that two batches share, add.
 * It never holds anything of one request, or that a client sent. Pure.
 */
import { asRecord } from "../api/json.ts";

/** Arms that a request may be of; none where it ended before one was chosen. */
export const SERVED_ARMS = ["Stable", "Candidate"] as const;

/** One of {@link SERVED_ARMS}. */
export type ServedArm = (typeof SERVED_ARMS)[number];

/** What became of some requests. */
export interface Served {
  /** Those that ended, but for those that the client did wrong. */
  readonly requests: number;
  /** Of these, those that failed by the fault of the servers, or the way there. */
  readonly errors: number;
  /** For so long they were under way, all together. */
  readonly milliseconds: number;
  /** How long answers took, as counts by bucket ({@link latencyBucket}); a refusal has no place in it. */
  readonly latencies: ReadonlyMap<number, number>;
}

/** The requests of an arm that began in one minute. */
export interface ServedMinute extends Served {
  /** Name of the ModelDeployment. */
  readonly deployment: string;
  /** Minutes since the Unix epoch. */
  readonly slot: number;
  readonly arm: ServedArm;
}

/** The first bucket is below 0.1 ms; the last one from about 10 minutes on. Twenty for each power of ten. */
const FIRST_EDGE_MILLISECONDS = 0.1;
const BUCKETS_A_DECADE = 20;
const LAST_BUCKET = 136;

/** Most of one batch: a line of the log can be in one only. */
const MAXIMUM_MINUTES = 20_000;

/** What was told cannot be used. The message says what was expected and what came. */
export class ServedMinutesError extends Error {
  override readonly name = "ServedMinutesError";
}

/** No request. */
export const NOTHING_SERVED: Served = { requests: 0, errors: 0, milliseconds: 0, latencies: new Map() };

/** The sum. */
export function addServed(one: Served, other: Served): Served {
  const latencies = new Map(one.latencies);
  for (const [bucket, count] of other.latencies) latencies.set(bucket, (latencies.get(bucket) ?? 0) + count);
  return {
    requests: one.requests + other.requests,
    errors: one.errors + other.errors,
    milliseconds: one.milliseconds + other.milliseconds,
    latencies,
  };
}

/** The bucket of a time in milliseconds. */
export function latencyBucket(milliseconds: number): number {
  if (!(milliseconds > FIRST_EDGE_MILLISECONDS)) return 0;
  const place = Math.floor(BUCKETS_A_DECADE * Math.log10(milliseconds / FIRST_EDGE_MILLISECONDS));
  return Math.min(LAST_BUCKET, 1 + place);
}

/**
 * A quantile in milliseconds, drawn out within its bucket by proportion; undefined without any time. In the last bucket it is
 * the lower edge.
 */
export function latencyQuantile(
  quantile: number,
  latencies: ReadonlyMap<number, number>,
): number | undefined {
  const counts = [...latencies].toSorted(([one], [other]) => one - other);
  const rank = quantile * counts.reduce((sum, [, count]) => sum + count, 0);
  let below = 0;
  for (const [bucket, count] of counts) {
    if (count > 0 && below + count >= rank) {
      const within = bucket === LAST_BUCKET ? 0 : (rank - below) / count;
      // Below the first edge times have no proportion worth a name.
      return bucket === 0 ? FIRST_EDGE_MILLISECONDS * within : edgeOf(bucket - 1 + within);
    }
    below += count;
  }
  return undefined;
}

function edgeOf(place: number): number {
  return FIRST_EDGE_MILLISECONDS * 10 ** (place / BUCKETS_A_DECADE);
}

/** For JSON. Counts by bucket are pairs: most buckets are empty. */
export function servedMinutesBody(minutes: readonly ServedMinute[]): readonly object[] {
  return minutes.map(({ latencies, ...rest }) => ({ ...rest, latencies: [...latencies] }));
}

/**
 * Reads what was told. Members that are not known are passed over: a router may be newer than who reads.
 *
 * @throws {ServedMinutesError} for anything but a list of whole minutes.
 */
export function readServedMinutes(value: unknown): readonly ServedMinute[] {
  return listOf(value, MAXIMUM_MINUTES, "served").map((one, at) => minuteOf(one, `served[${at}]`));
}

/** Reads what became of some requests, from one member of a body. */
export function readServed(value: unknown, where: string): Served {
  const said = asRecord(value) ?? {};
  const requests = whole(said["requests"], `${where}.requests`);
  const errors = whole(said["errors"], `${where}.errors`);
  if (errors > requests) throw wrong(`${where}.errors`, `at most ${requests}`, errors);
  const latencies = new Map<number, number>();
  let timed = 0;
  for (const pair of listOf(said["latencies"], LAST_BUCKET + 1, `${where}.latencies`)) {
    const [first, second, ...rest] = Array.isArray(pair) ? pair : [];
    const [bucket, count] = [whole(first, `${where}.latencies`), whole(second, `${where}.latencies`)];
    if (bucket > LAST_BUCKET || rest.length > 0 || latencies.has(bucket))
      throw wrong(`${where}.latencies`, `each bucket up to ${LAST_BUCKET} at most once`, pair);
    latencies.set(bucket, count);
    timed += count;
  }
  if (timed > requests) throw wrong(`${where}.latencies`, `at most ${requests} in all`, timed);
  return { requests, errors, milliseconds: whole(said["milliseconds"], `${where}.milliseconds`), latencies };
}

function minuteOf(value: unknown, where: string): ServedMinute {
  const said = asRecord(value) ?? {};
  const { deployment } = said;
  if (typeof deployment !== "string") throw wrong(`${where}.deployment`, "a name", deployment);
  const arm = SERVED_ARMS.find((one) => one === said["arm"]);
  if (arm === undefined) throw wrong(`${where}.arm`, `one of ${SERVED_ARMS.join(", ")}`, said["arm"]);
  return { deployment, slot: whole(said["slot"], `${where}.slot`), arm, ...readServed(said, where) };
}

function listOf(value: unknown, maximum: number, where: string): readonly unknown[] {
  if (Array.isArray(value) && value.length <= maximum) return value;
  throw wrong(where, `a list of at most ${maximum}`, value);
}

function whole(value: unknown, where: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw wrong(where, "a whole number from 0 on", value);
}

function wrong(where: string, expected: string, found: unknown): ServedMinutesError {
  const shown = typeof found === "string" ? found : (JSON.stringify(found) ?? "nothing");
  return new ServedMinutesError(`expected "${where}" to be ${expected}, got ${shown.slice(0, 80)}`);
}
