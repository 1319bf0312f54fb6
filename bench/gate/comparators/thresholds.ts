/**
 * Gates that compare a ratio with a threshold, as Flagger and Argo Rollouts do with a query of a metric. Neither knows
 * how uncertain the ratio is. Rebuilt from their documentation; neither program runs here.
 */
import type { Gate } from "../gate.ts";

const LEAST_RATIO = 0.9;
const FLAGGER_THRESHOLD = 5;
const ARGO_WINDOW_MINUTES = 5;
const ARGO_FAILURE_LIMIT = 3;

/** Each minute's ratio is a check; once 5 have failed, in all, the next check rolls back. */
export const flaggerLike: Gate = {
  name: "Flagger-like, ratio < 0.9, threshold 5",
  start: () => {
    let failed = 0;
    return ({ candidate, stable }) => {
      if (failed >= FLAGGER_THRESHOLD) return true;
      if (ratio(candidate.clicks, candidate.requests, stable.clicks, stable.requests) < LEAST_RATIO) failed++;
      return false;
    };
  },
};

/** Each minute the ratio over the last 5 is measured; more than 3 failed measurements, in all, abort. */
export const argoLike: Gate = {
  name: "Argo-like, 5 min window, failureLimit 3",
  start: () => {
    const window: (readonly [number, number, number, number])[] = [];
    let failed = 0;
    return ({ candidate, stable }) => {
      window.push([candidate.clicks, candidate.requests, stable.clicks, stable.requests]);
      if (window.length > ARGO_WINDOW_MINUTES) window.shift();
      const sum = (column: 0 | 1 | 2 | 3) => window.reduce((total, row) => total + row[column], 0);
      if (ratio(sum(0), sum(1), sum(2), sum(3)) < LEAST_RATIO) failed++;
      return failed > ARGO_FAILURE_LIMIT;
    };
  },
};

function ratio(y1: number, n1: number, y0: number, n0: number): number {
  return y1 / n1 / (y0 / n0);
}
