/**
 * Evidence of harm for any mean: a mixture of normal likelihood ratios of the effect d with variance s2 against d = 0,
 * with a half-normal prior of scale tau over harm alone:
 *
 *     E = 2 Phi(-d tau / (s sqrt(s2 + tau^2))) sqrt(s2 / (s2 + tau^2)) exp(d^2 tau^2 / (2 s2 (s2 + tau^2)))
 *
 * Robbins (Ann. Math. Stat. 41, 1970), one-sided. Here, too, the units are users, through the variance.
 */
import { logNormalProbability } from "./normal-distribution.ts";

/**
 * ln E.
 *
 * @param effect d, with the sign with which harm is negative.
 * @param variance s2, above 0.
 * @param tau the size of harm, as a share, that is expected if there is any.
 */
export function logMeanEvidence(effect: number, variance: number, tau: number): number {
  const total = variance + tau ** 2;
  const z = effect / Math.sqrt(variance);
  const shrink = tau / Math.sqrt(total);
  return (
    Math.LN2 + logNormalProbability(-z * shrink) + 0.5 * Math.log(variance / total) + (z * shrink) ** 2 / 2
  );
}
