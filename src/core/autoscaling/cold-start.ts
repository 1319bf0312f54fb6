/**
 * How long a replica takes until it serves, by those that came before: what the planner must look ahead. Pure.
 *
 * Measured for each model and pool, never assumed once there is a measurement: a larger model, or a pool whose nodes come
 * slowly, has another.
 */
import type { ObservedPod } from "../observation.ts";

/** A start that was measured: from when the pod was made to when it was ready, with all that it waited for between. */
export interface MeasuredStart {
  /** Name of the pod, so that it is counted once: a pod that was not ready for a moment is ready since later. */
  readonly pod: string;
  /** The model revision that it loaded. */
  readonly revision: string;
  readonly milliseconds: number;
}

/** Starts that are remembered: of the last days, not of last month. */
export const REMEMBERED_STARTS = 50;
/** What is taken while nothing is known: three minutes, as for a large model on a node that is there. */
export const UNKNOWN_COLD_START_MILLISECONDS = 180_000;
/** A pod that was ready for longer when it was first seen may have been ready before, and not for a moment. */
const FRESH_MILLISECONDS = 900_000;
const QUANTILE = 0.95;

/**
 * The time in which 95 % of replicas come, in milliseconds: by nearest rank, so of fewer than 20 starts the longest. Those of
 * the same model count, or of another one where there are none.
 *
 * @param starts the latest last.
 */
export function coldStartMilliseconds(starts: readonly MeasuredStart[], revision: string): number {
  const same = starts.filter((start) => start.revision === revision);
  const last = (same.length > 0 ? same : starts)
    .slice(-REMEMBERED_STARTS)
    .map(({ milliseconds }) => milliseconds)
    .toSorted((left, right) => left - right);
  return last[Math.ceil(QUANTILE * last.length) - 1] ?? UNKNOWN_COLD_START_MILLISECONDS;
}

/** The starts that are remembered, with those of pods that became ready since; the same list where there are none. */
export function withStarts(
  starts: readonly MeasuredStart[],
  pods: readonly ObservedPod[],
  nowMilliseconds: number,
): readonly MeasuredStart[] {
  const known = new Set(starts.map(({ pod }) => pod));
  const come = pods.flatMap(
    ({ name, revision, createdMilliseconds: created, readySinceMilliseconds: ready }) =>
      created !== undefined &&
      ready !== undefined &&
      ready >= created &&
      nowMilliseconds - ready < FRESH_MILLISECONDS &&
      !known.has(name)
        ? [{ pod: name, revision, milliseconds: ready - created, ready }]
        : [],
  );
  if (come.length === 0) return starts;
  const ordered = come.toSorted((left, right) => left.ready - right.ready);
  return [...starts, ...ordered.map(({ ready: _ready, ...start }) => start)].slice(-REMEMBERED_STARTS);
}
