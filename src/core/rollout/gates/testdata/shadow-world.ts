/**
 * What came of mirrored requests, made up: the same in every group of users.
 */
import { USER_GROUPS } from "../../../../stats/evidence.ts";
import type { TryWindow } from "../../../../stats/first-tries.ts";
import { ofShadowSums, SCORE_TOLERANCES, type ShadowCounts } from "../../../../stats/shadow-counts.ts";
import { EDGES, NOW } from "./gate-world.ts";

/** Of one group. */
interface Told {
  readonly pairs: number;
  /** As many as pairs, unless given. */
  readonly originals?: number;
  /** As many as pairs, unless given. */
  readonly answered?: number;
  /** None, unless given. */
  readonly sameBest?: number;
  readonly sameOrder?: number;
  /** Pairs within a tolerance of 0.01 and above. */
  readonly within?: number;
  /** The mean over all pairs. */
  readonly correlation?: number;
  /** An hour of them. */
  readonly windows?: readonly TryWindow[];
}

/** Counts of lists. */
export function shadowCounts({
  pairs,
  originals = pairs,
  answered = pairs,
  sameBest = 0,
  sameOrder = 0,
  within = 0,
  correlation = 0,
  windows = [],
}: Told): ShadowCounts {
  const told = { originals, pairs, answered, lists: pairs, sameBest, sameOrder, correlated: answered };
  const each = (count: number) => Array.from({ length: USER_GROUPS }, () => count);
  return {
    sums: ofShadowSums((name) => each(name === "correlation" ? correlation * answered : told[name])),
    within: SCORE_TOLERANCES.map((tolerance) => each(tolerance < 0.01 ? 0 : within)),
    service: { edgesMilliseconds: EDGES, windows },
    lastPairSeconds: NOW / 1_000 - 30,
  };
}
