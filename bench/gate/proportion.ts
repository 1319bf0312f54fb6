/**
 * Exact bounds of a probability that was seen so often in so many runs.
 */
import { crossing } from "../../src/stats/crossing.ts";
import { logIncompleteBeta } from "../../src/stats/incomplete-beta.ts";

/** Bounds of Clopper and Pearson (Biometrika 26, 1934), each wrong with at most this probability. */
export function clopperPearson(
  events: number,
  runs: number,
  error: number,
): { readonly lower: number; readonly upper: number } {
  // P(Binomial(runs, p) >= events) = I_p(events, runs - events + 1).
  const lower =
    events === 0 ? 0 : solve((p) => logIncompleteBeta(p, events, runs - events + 1), Math.log(error));
  const upper =
    events === runs ? 1 : solve((p) => logIncompleteBeta(p, events + 1, runs - events), Math.log1p(-error));
  return { lower, upper };
}

/** The p in (0, 1) at which a growing function has this value. */
function solve(grows: (p: number) => number, value: number): number {
  return crossing(0, 1, (p) => grows(p) < value);
}
