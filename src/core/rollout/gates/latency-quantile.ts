/**
 * Quantiles of latencies that were counted in buckets, with bounds, and the share that took longer than a limit.
 */

import { DEVIATIONS, dispersionOf, type ShareMinute } from "./failing-share.ts";
import type { ArmService } from "./gate-evidence.ts";

/** A quantile in milliseconds. Infinite where it lies beyond the last edge, and not a number without any latency. */
export interface LatencyQuantile {
  readonly estimate: number;
  readonly lower: number;
  readonly upper: number;
  readonly count: number;
}

/** The first tries of each minute that took longer than a limit; those in the bucket of the limit may or may not. */
export function slowerThan(
  limitMilliseconds: number,
  edges: readonly number[],
  { minutes }: ArmService,
): readonly ShareMinute[] {
  return minutes.map(({ latencies }) => {
    let [tries, atLeast, atMost] = [0, 0, 0];
    for (const [bucket, count] of latencies.entries()) {
      tries += count;
      if ((edges[bucket - 1] ?? 0) >= limitMilliseconds) atLeast += count;
      if ((edges[bucket] ?? Number.POSITIVE_INFINITY) > limitMilliseconds) atMost += count;
    }
    return { tries, atLeast, atMost };
  });
}

/** The quantile of all minutes. Bounds are edges of buckets, as wide as the dispersion between minutes makes them. */
export function latencyQuantile(
  quantile: number,
  edges: readonly number[],
  service: ArmService,
): LatencyQuantile {
  const counts = edges
    .concat(0)
    .map((_, bucket) => service.minutes.reduce((sum, { latencies }) => sum + (latencies[bucket] ?? 0), 0));
  const count = counts.reduce((sum, one) => sum + one, 0);
  const rank = quantile * count;
  const middle = placeOf(rank, counts);
  const limit = edges[middle.bucket - 1] ?? 0;
  const dispersion = dispersionOf(slowerThan(limit, edges, service));
  const width = DEVIATIONS * Math.sqrt(dispersion * count * quantile * (1 - quantile));
  const lower = placeOf(rank - width, counts).bucket;
  const upper = placeOf(rank + width, counts).bucket;
  const [from, to] = [edges[middle.bucket - 1] ?? 0, edges[middle.bucket] ?? Number.POSITIVE_INFINITY];
  return {
    estimate: count === 0 ? Number.NaN : from + (to - from) * middle.within,
    lower: edges[lower - 1] ?? 0,
    upper: rank + width >= count ? Number.POSITIVE_INFINITY : (edges[upper] ?? Number.POSITIVE_INFINITY),
    count,
  };
}

/** The bucket in which a rank lies, and how far into it. */
function placeOf(
  rank: number,
  counts: readonly number[],
): { readonly bucket: number; readonly within: number } {
  let below = 0;
  for (const [bucket, count] of counts.entries()) {
    if (count > 0 && below + count >= rank) {
      return { bucket, within: Math.min(1, Math.max(0, (rank - below) / count)) };
    }
    below += count;
  }
  return { bucket: counts.length - 1, within: 1 };
}
