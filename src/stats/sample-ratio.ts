/**
 * Whether users come to the arms in the shares that the weights say. When they do not, requests get lost in one arm or
 * counted twice in another, and no comparison of the arms means anything: this is looked at wherever arms are compared.
 *
 * A unit counts once in an epoch: a user when first seen in it, or a request that is drawn by itself. Requests of two
 * epochs are different draws, so their evidence multiplies. Users come again and keep the arm that a hash gave: then each
 * epoch is looked at by itself, and the k-th has a part of the false alarms, 1 / (k (k + 1)), which together are all.
 */
import { logCountEvidence } from "./count-evidence.ts";
import { LARGEST_SUM } from "./evidence.ts";
import { requireAlpha } from "./evidence-reading.ts";

/** All weights of an epoch add up to this. */
export const WEIGHT_SCALE = 10_000;

/** Whether two epochs have different units, or may have the same users. */
export type EpochUnits = "Different" | "Again";

/** The users who came for the first time in one epoch, or the requests where each is drawn by itself. */
export interface NewUsers {
  /** The weight of each arm in that epoch, of 10,000 together. */
  readonly weights: readonly number[];
  /** How many of them each arm answered, in the same order. */
  readonly users: readonly number[];
}

/** What the counts say, with what explains it. */
export interface SampleRatioFinding {
  readonly verdict: "AsPlanned" | "Skewed" | "NoVerdict";
  /** Why there is no verdict, in a few words. */
  readonly reason?: string;
  /** ln E, of the worst epoch where each is looked at by itself. Infinite when an arm without weight got a user. */
  readonly logEvidence?: number;
  /** Arms are skewed once the evidence is at least this: ln(1 / alpha). */
  readonly logThreshold: number;
  /** New users of each arm over all epochs, and how many the weights let expect. */
  readonly users?: readonly number[];
  readonly expected?: readonly number[];
}

/**
 * Looks at the counts.
 *
 * @param alpha the probability of a false alarm over all looks, in (0, 0.5); 0.001 is usual.
 * @throws {RangeError} when alpha is out of range.
 */
export function findSkew(
  epochs: readonly NewUsers[],
  alpha: number,
  units: EpochUnits = "Different",
): SampleRatioFinding {
  requireAlpha(alpha);
  const logThreshold = Math.log(1 / alpha);
  const arms = epochs[0]?.weights.length ?? 0;
  const users = new Array<number>(arms).fill(0);
  const expected = new Array<number>(arms).fill(0);
  let logEvidence = 0;
  for (const [index, epoch] of epochs.entries()) {
    const fault = faultOf(epoch, arms);
    if (fault !== undefined)
      return { verdict: "NoVerdict", reason: `epoch ${index}: ${fault}`, logThreshold };
    const evidence = logEpochEvidence(epoch);
    logEvidence =
      units === "Different"
        ? logEvidence + evidence
        : Math.max(logEvidence, evidence - Math.log((index + 1) * (index + 2)));
    const arrived = epoch.users.reduce((sum, count) => sum + count, 0);
    for (let arm = 0; arm < arms; arm++) {
      users[arm] = (users[arm] ?? 0) + (epoch.users[arm] ?? 0);
      expected[arm] = (expected[arm] ?? 0) + (arrived * (epoch.weights[arm] ?? 0)) / WEIGHT_SCALE;
    }
  }
  const verdict = logEvidence >= logThreshold ? "Skewed" : "AsPlanned";
  return { verdict, logEvidence, logThreshold, users, expected };
}

function logEpochEvidence({ weights, users }: NewUsers): number {
  const isOpen = (arm: number) => (weights[arm] ?? 0) > 0;
  if (users.some((count, arm) => count > 0 && !isOpen(arm))) return Number.POSITIVE_INFINITY;
  return logCountEvidence(
    weights.filter((_, arm) => isOpen(arm)).map((weight) => weight / WEIGHT_SCALE),
    users.filter((_, arm) => isOpen(arm)),
  );
}

function faultOf({ weights, users }: NewUsers, arms: number): string | undefined {
  if (weights.length !== arms || users.length !== arms) {
    return `expected ${arms} arms, got ${weights.length} weights and ${users.length} counts`;
  }
  // By index: a number that is missing must be found, too.
  const badWeight = weights.findIndex((weight) => !(Number.isInteger(weight) && weight >= 0));
  if (badWeight >= 0) return `an arm has the weight ${weights[badWeight]}`;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total !== WEIGHT_SCALE) return `the weights add up to ${total}, not to ${WEIGHT_SCALE}`;
  const badCount = users.findIndex(
    (count) => !(Number.isInteger(count) && count >= 0 && count <= LARGEST_SUM),
  );
  return badCount < 0 ? undefined : `an arm has ${users[badCount]} users`;
}
