/**
 * Log-loss: how surprised the model is by the truth.
 */
import { meanLoss } from "./mean-loss.ts";

/** A probability of 0 or 1 is taken for one that is so far from it, so that one row costs at most 36 nats. */
const CLIP = Number.EPSILON;

/** Log-loss. */
export const logLoss = meanLoss({
  type: "LogLoss",
  title: "Log-loss",
  definition:
    "Mean over scored rows of -ln of the probability that the model gave to the truth, from 2^-52 on.",
  forks: [
    "In bits, by log2.",
    "Divided by the log-loss of the mean rate (normalised entropy).",
    "Clipped at 1e-15.",
  ],
  source: "scikit-learn, log_loss",
  unit: "nats",
  sum: { name: "loss", help: "Sum over rows of -ln of the probability given to the truth." },
  loss(score, isPositive) {
    const probability = Math.min(Math.max(score, CLIP), 1 - CLIP);
    return isPositive ? -Math.log(probability) : -Math.log1p(-probability);
  },
});
