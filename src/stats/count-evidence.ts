/**
 * Evidence that independent units fall into arms in other shares than they should, at every look: the Dirichlet-
 * multinomial test martingale of Lindon and Malek (NeurIPS 2022, arXiv 2011.03567). With shares theta, counts c and the
 * prior k theta:
 *
 *     ln E = ln B(k theta + c) - ln B(k theta) - sum c_i ln theta_i
 *
 * Exact only while each randomised unit counts once. Of requests, of which one user makes many, it would be wrong in a
 * third of all days: count users when they are first seen.
 */
import { logGamma } from "./log-gamma.ts";

/** The weight of the prior, in units, on the shares being as they should. */
const PRIOR_UNITS = 100;

/**
 * ln E; its inverse 1 / E is a p-value that may be looked at all the time. NaN for counts that cannot be.
 *
 * @param shares of the arms, each above 0, together 1.
 * @param counts of units in each arm.
 */
export function logCountEvidence(shares: readonly number[], counts: readonly number[]): number {
  let units = 0;
  let logEvidence = 0;
  for (const [arm, share] of shares.entries()) {
    const count = counts[arm] ?? Number.NaN;
    if (!(count >= 0 && count < Number.POSITIVE_INFINITY)) return Number.NaN;
    const prior = PRIOR_UNITS * share;
    units += count;
    logEvidence += logGamma(prior + count) - logGamma(prior) - count * Math.log(share);
  }
  return logEvidence - logGamma(PRIOR_UNITS + units) + logGamma(PRIOR_UNITS);
}
