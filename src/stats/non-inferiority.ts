/**
 * Whether the candidate is shown to be not worse than stable by more than a margin: the side of a quality gate that is
 * decided once, before the candidate gets all traffic. A difference that is merely not significant never promotes: the
 * whole range between the bounds must be on the good side of the margin.
 *
 * Only answers older than the maturity of their labels belong into this evidence, and of labels those within it. Each
 * such gate has its full alpha, for all of them must pass (an intersection-union test; Berger, Technometrics 24, 1982).
 */
import type { EpochEvidence, GateMetric } from "./evidence.ts";
import { type ChangeEstimate, readEvidence, requireAlpha } from "./evidence-reading.ts";
import type { EvidenceSizes } from "./evidence-sizes.ts";

/** What a promotion is held to. */
export interface NonInferioritySettings {
  /** The probability that a candidate worse by the margin passes, over all looks, in (0, 0.5). */
  readonly alpha: number;
  /** How much worse the metric may be, as a share of stable's, in (0, 1). */
  readonly margin: number;
}

/** What the evidence says, with all that explains it. */
export interface NonInferiorityFinding {
  /** All but `NotWorse` are no reason to promote, each in its own way. */
  readonly verdict: "NotWorse" | "NotShown" | "TooLittle" | "NoVerdict";
  /** Why there is no verdict, in a few words. */
  readonly reason?: string;
  /** Bounds hold at all looks at once, each with the whole alpha. */
  readonly estimate?: ChangeEstimate;
  /**
   * What a bound is compared with: minus the margin, for the lower bound, where higher is better; the margin, for the
   * upper one, where lower is better.
   */
  readonly threshold: number;
  readonly sizes?: EvidenceSizes;
}

/**
 * Looks at the evidence.
 *
 * @throws {RangeError} when the settings are out of range.
 */
export function findNotWorse(
  epochs: readonly EpochEvidence[],
  metric: GateMetric,
  { alpha, margin }: NonInferioritySettings,
): NonInferiorityFinding {
  requireAlpha(alpha);
  if (!(margin > 0 && margin < 1)) throw new RangeError(`expected a margin between 0 and 1, got ${margin}`);
  const isHigherBetter = metric.better === "Higher";
  const threshold = isHigherBetter ? -margin : margin;
  const reading = readEvidence(epochs, metric, alpha, margin);
  if (reading.kind !== "Enough") {
    const { kind: verdict, ...why } = reading;
    return { verdict, threshold, ...why };
  }
  const { estimate, sizes } = reading;
  const isWithin = isHigherBetter ? estimate.lower > threshold : estimate.upper < threshold;
  return { verdict: isWithin ? "NotWorse" : "NotShown", estimate, threshold, sizes };
}
