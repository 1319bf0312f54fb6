/**
 * What a gate reads out of evidence before it judges: an estimate with its bounds and the sums behind it, or the reason
 * why there is none. Every verdict is explained by it, so that a person sees the numbers side by side.
 *
 * Evidence that cannot be gives no estimate, and what has no estimate must never pass for a good verdict.
 */
import { type Effect, effectOf, relativeChange } from "./effect.ts";
import { type EpochEvidence, evidenceFault, type GateMetric } from "./evidence.ts";
import { type EvidenceSizes, shortage, sizesOf } from "./evidence-sizes.ts";
import { changeBounds } from "./mixture-bounds.ts";

/** The relative change of the metric from stable to candidate: -0.1 means 10 % lower than stable's. */
export interface ChangeEstimate {
  readonly change: number;
  /** A bound that holds at all looks at once, as the next. */
  readonly lower: number;
  /** Infinite when little is known. */
  readonly upper: number;
}

/**
 * A variance of d that rounding alone can make, with a wide berth: a standard deviation of 10^-10 of the metric. Amounts
 * that are all alike come out below it, and what rounding left of them would be taken for harm in one run of five.
 */
const ROUNDING_VARIANCE = 1e-20;

/** What is known of an effect, and whether it is enough for a verdict. */
export type Reading =
  | {
      readonly kind: "Enough";
      readonly effect: Effect;
      readonly estimate: ChangeEstimate;
      readonly sizes: EvidenceSizes;
    }
  | {
      readonly kind: "TooLittle";
      readonly reason: string;
      readonly estimate?: ChangeEstimate;
      readonly sizes: EvidenceSizes;
    }
  | { readonly kind: "NoVerdict"; readonly reason: string };

/**
 * Reads the evidence.
 *
 * @param alpha the probability that one of the bounds is ever wrong.
 * @param scale the size of change at which the bounds are the tightest.
 */
export function readEvidence(
  epochs: readonly EpochEvidence[],
  metric: GateMetric,
  alpha: number,
  scale: number,
): Reading {
  const fault = evidenceFault(epochs, metric);
  if (fault !== undefined) return { kind: "NoVerdict", reason: fault };
  const zeroOne = metric.values === "ZeroOne";
  const effect = effectOf(epochs, zeroOne);
  const sizes = sizesOf(effect);
  if (effect.information === 0) {
    return { kind: "TooLittle", reason: "no epoch has answers of both arms and a success", sizes };
  }
  if (!(effect.variance > ROUNDING_VARIANCE)) {
    return { kind: "TooLittle", reason: "the answers do not differ at all", sizes };
  }
  const estimate = {
    change: relativeChange(effect.effect, effect.candidateShare),
    ...changeBounds(effect, alpha, scale),
  };
  const reason = shortage(effect, zeroOne);
  if (reason !== undefined) return { kind: "TooLittle", reason, estimate, sizes };
  return { kind: "Enough", effect, estimate, sizes };
}

/** @throws {RangeError} unless alpha is a probability below one half. */
export function requireAlpha(alpha: number): void {
  if (!(alpha > 0 && alpha < 0.5)) throw new RangeError(`expected alpha between 0 and 0.5, got ${alpha}`);
}
