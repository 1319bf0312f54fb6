/**
 * What clients got, minute by minute: how many requests of an arm ended, how many of these failed, and how long they took.
 * A router adds up its access log so, and hands it over with the batch that the lines are in; a collector watches it.
 *
 * Buckets are the same in every version, by a formula: counts of two routers, and of a minute that two batches share, add.
 * It never holds anything of one request, or that a client sent. Pure.
 */
import { asRecord } from "../api/json.ts";
import { ToldJson } from "../api/told-json.ts";

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

const told = new ToldJson(ServedMinutesError);

/** The sum of all; of none it is no request. */
export function sumOfServed(all: Iterable<Served>): Served {
  let [requests, errors, milliseconds] = [0, 0, 0];
  const latencies = new Map<number, number>();
  for (const one of all) {
    requests += one.requests;
    errors += one.errors;
    milliseconds += one.milliseconds;
    for (const [bucket, count] of one.latencies) latencies.set(bucket, (latencies.get(bucket) ?? 0) + count);
  }
  return { requests, errors, milliseconds, latencies };
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
  return told.list(value, MAXIMUM_MINUTES, "served").map((one, at) => minuteOf(one, `served[${at}]`));
}

/** Reads what became of some requests, from one member of a body. */
export function readServed(value: unknown, where: string): Served {
  const said = asRecord(value) ?? {};
  const requests = told.whole(said["requests"], `${where}.requests`);
  const errors = told.whole(said["errors"], `${where}.errors`);
  if (errors > requests) throw told.wrong(`${where}.errors`, `at most ${requests}`, errors);
  const latencies = told.bucketCounts(said["latencies"], LAST_BUCKET + 1, requests, `${where}.latencies`);
  return {
    requests,
    errors,
    milliseconds: told.whole(said["milliseconds"], `${where}.milliseconds`),
    latencies,
  };
}

function minuteOf(value: unknown, where: string): ServedMinute {
  const said = asRecord(value) ?? {};
  const { deployment } = said;
  if (typeof deployment !== "string") throw told.wrong(`${where}.deployment`, "a name", deployment);
  const arm = SERVED_ARMS.find((one) => one === said["arm"]);
  if (arm === undefined) throw told.wrong(`${where}.arm`, `one of ${SERVED_ARMS.join(", ")}`, said["arm"]);
  return { deployment, slot: told.whole(said["slot"], `${where}.slot`), arm, ...readServed(said, where) };
}
