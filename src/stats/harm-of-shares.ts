/**
 * Evidence of harm for a metric of zeros and ones: whether the candidate has less than its share of the successes. A
 * beta-binomial Bayes factor against "exactly its share", with the prior cut at the share so that only harm counts, on
 * successes divided by their dispersion D: that many independent ones are worth as much.
 *
 * For an epoch with the candidate's share q of the answers, c_a = y_a / D, a1 = k q, a0 = k (1 - q):
 *
 *     ln E = ln B(a1 + c1, a0 + c0) - ln B(a1, a0) - c1 ln q - c0 ln(1 - q)
 *            + ln I_q(a1 + c1, a0 + c0) - ln I_q(a1, a0)
 *
 * and ln E of all epochs is their sum: epochs differ in their share, and D is common to them. For independent successes
 * (D = 1) E is a test martingale, as in Lindon and Malek (NeurIPS 2022, arXiv 2011.03567); with D it is one as nearly as
 * D is known, which `bench/gate.ts` measures.
 */
import type { EpochSums } from "./effect.ts";
import { logIncompleteBeta } from "./incomplete-beta.ts";
import { logBeta } from "./log-gamma.ts";

/**
 * The prior's weight k: its standard deviation is a share `tau` of q, k = (1 - q) / (q tau^2) - 1. From an even split
 * on, where that weight would fall to nothing, it is what keeps the standard deviation of the effect as at an even
 * split: k = 1 / (4 q (1 - q) tau^2) - 1. Both agree at q = 1/2.
 */
export function priorWeight(candidateShare: number, tau: number): number {
  const q = candidateShare;
  return (q <= 0.5 ? (1 - q) / q : 1 / (4 * q * (1 - q))) / tau ** 2 - 1;
}

/**
 * ln E over epochs.
 *
 * @param dispersion D, above 0.
 * @param tau the size of harm, as a share, that is expected if there is any; below 1.
 * @param higherIsBetter false turns round what harm is: more than its share of the successes.
 */
export function logShareEvidence(
  epochs: readonly EpochSums[],
  dispersion: number,
  tau: number,
  higherIsBetter: boolean,
): number {
  let logEvidence = 0;
  for (const { candidateShare: q, candidateSum, stableSum } of epochs) {
    if (candidateSum + stableSum === 0) continue;
    const weight = priorWeight(q, tau);
    const [a1, a0] = [weight * q, weight * (1 - q)];
    const [c1, c0] = [candidateSum / dispersion, stableSum / dispersion];
    const logHarmful = (b1: number, b0: number) =>
      higherIsBetter ? logIncompleteBeta(q, b1, b0) : logIncompleteBeta(1 - q, b0, b1);
    logEvidence +=
      logBeta(a1 + c1, a0 + c0) -
      logBeta(a1, a0) -
      c1 * Math.log(q) -
      c0 * Math.log1p(-q) +
      logHarmful(a1 + c1, a0 + c0) -
      logHarmful(a1, a0);
  }
  return logEvidence;
}
