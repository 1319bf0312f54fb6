/**
 * Brier score: the squared distance between probability and truth.
 */
import { meanLoss } from "./mean-loss.ts";

/** Brier score. */
export const brierScore = meanLoss({
  type: "BrierScore",
  title: "Brier score",
  definition: "Mean over scored rows of the squared difference between the score and the truth, 0 or 1.",
  forks: ["Summed over both classes, which is twice as much (Brier 1950).", "Brier skill score."],
  source: "scikit-learn, brier_score_loss",
  unit: "squared probability",
  sum: { name: "squared_error", help: "Sum over rows of (score - truth) squared." },
  loss: (score, isPositive) => (score - (isPositive ? 1 : 0)) ** 2,
});
