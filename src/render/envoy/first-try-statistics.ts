/**
 * The statistics in which Envoy counts first tries: their names and buckets, for who asks for them and who reads them.
 *
 * The buckets must stay those of the bootstrap that Envoy runs with: both are of one version of the router.
 */
import type { JsonObject } from "./resource.ts";

/** Beginning of the names of all these statistics. */
export const FIRST_TRY_PREFIX = "petrel.first_try";

/** In place of the arm: what goes to stable for another reason than chance. It is load of stable, and not compared. */
export const UNCOMPARED = "Uncompared";

/**
 * How a first try ended: answered, also by an error of the client's; refused by the server, as with 503; or without an
 * answer: no connection, cut off, timed out, or given up by the client.
 */
export const FIRST_TRY_ENDS = ["answered", "refused", "unanswered"] as const;

/** How a first try ended. */
export type FirstTryEnd = (typeof FIRST_TRY_ENDS)[number];

/** Codes of gRPC that are the server's fault, by name: those that correspond to 429 and 5xx. */
export const GRPC_FAULT_CODES = {
  UNKNOWN: 2,
  DEADLINE_EXCEEDED: 4,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
} as const;

const MANTISSAS = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8] as const;
const LONGEST_MICROSECONDS = 600_000_000;

/**
 * Edges of the buckets of latency, from 0.1 ms to 10 minutes, ten for each power of ten: with two digits each, they are
 * edges of Envoy's own buckets, so its counts are exact.
 */
const EDGES_MICROSECONDS: readonly number[] = [2, 3, 4, 5, 6, 7, 8]
  .flatMap((power) => MANTISSAS.map((mantissa) => Math.round(mantissa * 10 ** power)))
  .filter((edge) => edge <= LONGEST_MICROSECONDS);

/** The same in milliseconds, ascending. */
export const FIRST_TRY_EDGES_MILLISECONDS: readonly number[] = EDGES_MICROSECONDS.map((edge) => edge / 1_000);

/** Longer than any try. Envoy tells how many are below an edge, so this is the edge below which all of them are. */
export const BEYOND_ALL = 1e11;

/** A latency of so many of these units is a millisecond: Envoy tells the time of what was not answered in whole ones. */
export const UNITS_PER_MILLISECOND: Readonly<Record<FirstTryEnd, number>> = {
  answered: 1_000,
  refused: 1,
  unanswered: 1,
};

const BUCKETS: Readonly<Record<FirstTryEnd, readonly number[]>> = {
  answered: [...EDGES_MICROSECONDS, BEYOND_ALL],
  // That there was one is all that is asked.
  refused: [BEYOND_ALL],
  unanswered: [...FIRST_TRY_EDGES_MILLISECONDS.filter((edge) => edge >= 1), BEYOND_ALL],
};

/** For the bootstrap: in which buckets Envoy shows these statistics. */
export const FIRST_TRY_BUCKETS: readonly JsonObject[] = FIRST_TRY_ENDS.map((end) => ({
  match: { prefix: `${FIRST_TRY_PREFIX}.${end}` },
  buckets: BUCKETS[end],
}));
