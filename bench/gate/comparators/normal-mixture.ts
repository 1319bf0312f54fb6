/**
 * Normal mixtures for sums of independent things, as the package confseq has them (Howard, Ramdas, McAuliffe and Sekhon,
 * Ann. Stat. 49, 2021), and the gate that takes requests for such things.
 */
import { crossing } from "../../../src/stats/crossing.ts";
import { effectOf } from "../../../src/stats/effect.ts";
import { logNormalProbability } from "../../../src/stats/normal-distribution.ts";
import type { Gate } from "../gate.ts";

const ALPHA = 0.05;
/** The precision of the prior that expects harm of about a quarter: 1 / 0.25^2. */
const PRIOR_PRECISION = 16;

/** The rho at which a boundary is the tightest for the variance v. */
export function bestRho(variance: number, alpha: number): number {
  const doubled = 2 * Math.log(1 / alpha);
  return variance / (doubled + Math.log1p(doubled));
}

/** ln of the mixture over drifts of both signs, for a sum with this variance. */
export function logTwoSidedMixture(sum: number, variance: number, rho: number): number {
  return 0.5 * Math.log(rho / (variance + rho)) + sum ** 2 / (2 * (variance + rho));
}

/** ln of the mixture over drifts above 0 alone. */
export function logOneSidedMixture(sum: number, variance: number, rho: number): number {
  const spread = variance + rho;
  return Math.LN2 + logTwoSidedMixture(sum, variance, rho) + logNormalProbability(sum / Math.sqrt(spread));
}

/** The sum at which a mixture reaches 1 / alpha. */
export function mixtureBoundary(logMixture: (sum: number) => number, alpha: number): number {
  const isBelow = (sum: number) => logMixture(sum) < Math.log(1 / alpha);
  let high = 1;
  while (isBelow(high)) high *= 2;
  return crossing(0, high, isBelow);
}

/** Each epoch compared within itself, one-sided, with the variance that independent requests would have. */
export const mixtureOnRequests: Gate = {
  name: "normal mixture on requests",
  start: () => (look) => {
    const { score, information, stableSum, candidateSum, stableAnswers, candidateAnswers } = effectOf(
      look.evidence,
      true,
    );
    const rate = (stableSum + candidateSum) / (stableAnswers + candidateAnswers);
    if (stableSum < 50) return false;
    return logOneSidedMixture(-score, information * (1 - rate), PRIOR_PRECISION) >= Math.log(1 / ALPHA);
  },
};
