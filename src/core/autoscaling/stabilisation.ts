/**
 * What keeps the number of replicas calm: small differences change nothing, and scaling in waits until it has been right for
 * a while, at most by half at once. Pure; what it must remember is small and given back.
 *
 * Scaling out never waits: a replica too many for minutes costs less than requests that nobody answers.
 */

/** A number of replicas that the load needed at a time. */
export interface Recommended {
  readonly atMilliseconds: number;
  /** Whole, at least 0. */
  readonly replicas: number;
}

/** How calm. */
export interface StabilisationSettings {
  /** Share by which load and replicas may differ without a change, such as 0.1. */
  readonly tolerance: number;
  /** Scaling in waits until so much time has passed without a need for more. */
  readonly scaleInAfterMilliseconds: number;
}

/** Replicas to have, and what is to be remembered. */
export interface Stabilised {
  readonly replicas: number;
  readonly recommended: readonly Recommended[];
}

/** More are not remembered, so that the status stays small; the smallest ones go first. */
const MAXIMUM_REMEMBERED = 40;

/**
 * Replicas to have.
 *
 * @param needed by the load, not rounded.
 * @param current all that are there or coming.
 * @param recommended as it was given back before.
 */
export function stabilised(
  needed: number,
  current: number,
  recommended: readonly Recommended[],
  nowMilliseconds: number,
  { tolerance, scaleInAfterMilliseconds }: StabilisationSettings,
): Stabilised {
  const rounded = Math.ceil(needed);
  const isOut = needed > current * (1 + tolerance);
  const isIn = needed < current * (1 - tolerance);
  // What is within the tolerance recommends what is there. Half at once: a silence of minutes may be a mistake.
  const wanted = isOut ? rounded : isIn ? Math.max(rounded, Math.ceil(current / 2)) : current;
  const remembered = withNewest(
    recommended.filter(
      // One of a time that has not come yet counts as well: a clock that was set back scales nothing in.
      ({ atMilliseconds }) => Math.abs(nowMilliseconds - atMilliseconds) < scaleInAfterMilliseconds,
    ),
    { atMilliseconds: nowMilliseconds, replicas: wanted },
  );
  const most = remembered.reduce((largest, { replicas }) => Math.max(largest, replicas), 0);
  return { replicas: wanted >= current ? wanted : Math.min(current, most), recommended: remembered };
}

/** Whoever is older and not larger than the newest one is never the largest again. */
function withNewest(recommended: readonly Recommended[], newest: Recommended): readonly Recommended[] {
  const larger = recommended.filter(({ replicas }) => replicas > newest.replicas);
  return [...larger, newest].slice(0, MAXIMUM_REMEMBERED);
}
