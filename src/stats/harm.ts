/**
 * Whether the candidate harms a metric: the side of a quality gate that is looked at all the time and takes the
 * candidate back. Harm that was found once stays found; keeping that is the caller's part, for this is a pure function
 * of the evidence so far.
 *
 * All labels that have arrived count, for both arms are equally young. Evidence that cannot be is no verdict, and never
 * "no harm".
 */
import type { Effect } from "./effect.ts";
import type { EpochEvidence, GateMetric } from "./evidence.ts";
import { type ChangeEstimate, readEvidence, requireAlpha } from "./evidence-reading.ts";
import type { EvidenceSizes } from "./evidence-sizes.ts";
import { logMeanEvidence } from "./harm-of-means.ts";
import { logShareEvidence } from "./harm-of-shares.ts";

/** The size of harm at which evidence grows the fastest: a quarter. */
export const HARM_SCALE = 0.25;

/** What a harm gate is held to. */
export interface HarmSettings {
  /** The probability of a false alarm over all looks and all harm gates together, in (0, 0.5). */
  readonly alpha: number;
  /** How many harm gates share that probability, this one among them. */
  readonly gates: number;
}

/** What the evidence says, with all that explains it. */
export interface HarmFinding {
  /** `TooLittle` and `NoVerdict` are neither good nor bad: nobody may act on them as if they were. */
  readonly verdict: "Harm" | "NoHarm" | "TooLittle" | "NoVerdict";
  /** Why it is neither, in a few words. */
  readonly reason?: string;
  /** ln E: how strongly the answers so far speak for harm; where there is a verdict. */
  readonly logEvidence?: number;
  /** Harm is found once the evidence is at least this: ln(gates / alpha). */
  readonly logThreshold: number;
  /** Bounds hold at all looks at once, each with this gate's part of alpha. */
  readonly estimate?: ChangeEstimate;
  readonly sizes?: EvidenceSizes;
}

/**
 * Looks at the evidence.
 *
 * @throws {RangeError} when the settings are out of range.
 */
export function findHarm(
  epochs: readonly EpochEvidence[],
  metric: GateMetric,
  { alpha, gates }: HarmSettings,
): HarmFinding {
  requireAlpha(alpha);
  if (!(Number.isInteger(gates) && gates >= 1)) {
    throw new RangeError(`expected at least 1 harm gate, a whole number, got ${gates}`);
  }
  const logThreshold = Math.log(gates / alpha);
  const reading = readEvidence(epochs, metric, alpha / gates, HARM_SCALE);
  if (reading.kind !== "Enough") {
    const { kind: verdict, ...why } = reading;
    return { verdict, logThreshold, ...why };
  }
  const { effect, estimate, sizes } = reading;
  const logEvidence = logHarmEvidence(effect, metric);
  if (Number.isNaN(logEvidence)) {
    return { verdict: "NoVerdict", reason: "the evidence cannot be computed", logThreshold, estimate, sizes };
  }
  const verdict = logEvidence >= logThreshold ? "Harm" : "NoHarm";
  return { verdict, logEvidence, logThreshold, estimate, sizes };
}

function logHarmEvidence(effect: Effect, { values, better }: GateMetric): number {
  const isHigherBetter = better === "Higher";
  if (values === "ZeroOne") {
    return logShareEvidence(effect.epochs, effect.dispersion, HARM_SCALE, isHigherBetter);
  }
  return logMeanEvidence(isHigherBetter ? effect.effect : -effect.effect, effect.variance, HARM_SCALE);
}
