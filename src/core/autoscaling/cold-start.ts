/**
 * How long a replica takes until it serves, by those that came before: what the planner must look ahead. Pure.
 *
 * Measured for each model and pool, never assumed once there is a measurement: a larger model, or a pool whose nodes come
 * slowly, has another.
 */

/** How long the parts of one start took, in milliseconds. */
export interface MeasuredStart {
  /** Until the pod had a node. */
  readonly scheduling: number;
  /** Until the model lay in its volume, and was verified. */
  readonly fetch: number;
  /** Until the server had loaded it. */
  readonly load: number;
  /** Until it was ready. */
  readonly warmUp: number;
}

/** Starts that are remembered: of the last days, not of last month. */
export const REMEMBERED_STARTS = 50;
/** What is taken while nothing is known: three minutes, as for a large model on a node that is there. */
export const UNKNOWN_COLD_START_MILLISECONDS = 180_000;
const QUANTILE = 0.95;

/** All parts together. */
export function startMilliseconds({ scheduling, fetch, load, warmUp }: MeasuredStart): number {
  return scheduling + fetch + load + warmUp;
}

/**
 * The time in which 95 % of replicas come, in milliseconds: by nearest rank, so of fewer than 20 starts the longest.
 *
 * @param starts the latest last.
 */
export function coldStartMilliseconds(starts: readonly MeasuredStart[]): number {
  const last = starts
    .slice(-REMEMBERED_STARTS)
    .map(startMilliseconds)
    .toSorted((left, right) => left - right);
  return last[Math.ceil(QUANTILE * last.length) - 1] ?? UNKNOWN_COLD_START_MILLISECONDS;
}
