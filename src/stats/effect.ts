/**
 * By how much the candidate differs from stable, and how uncertain that is when the answers to one user depend on each
 * other. Each epoch is compared within itself, because between epochs the traffic changes; then the comparisons are
 * added, and so are those of each group of users, which carries what users who stay have in common over epochs.
 *
 * With q the candidate's share of the answers of an epoch, n and y the answers and sums of the candidate (1) and stable
 * (0), Y = y1 + y0 and R = Y / (n1 + n0):
 *
 *     U = y1 - q Y                                  the candidate's sum beyond its share
 *     I = q (1 - q) Y                               how much the epoch can tell
 *     psi_g = (1 - q) (y1g - R n1g) - q (y0g - R n0g)        the part of group g in U
 *     D0 = 128/127 sum_g (y0g - R0 n0g)^2 / Y0      the spread of stable alone
 *
 * and over epochs d = U / I, V = max(128/127 sum_g (psi_g - mean)^2, sum I D0, and for a 0/1 metric sum I (1 - R)),
 * s2 = V / I^2, D = V / I. U is the score statistic of a common ratio of means; the spread over groups is its
 * cluster-robust variance (Liang and Zeger, Biometrika 73, 1986). The other two hold V up while few groups have answers.
 */
import { type EpochEvidence, USER_GROUPS } from "./evidence.ts";

/** The sums of one epoch that tests need. */
export interface EpochSums {
  /** The candidate's share of the answers, between 0 and 1. */
  readonly candidateShare: number;
  /** The metric's sum over the candidate's answers. */
  readonly candidateSum: number;
  readonly stableSum: number;
}

/** The effect of the candidate over all epochs, on the scale of {@link relativeChange}'s argument. */
export interface Effect {
  /** U: the candidate's sum beyond its share, in units of the metric. */
  readonly score: number;
  /** I, in units of the metric. */
  readonly information: number;
  /** d = U / I; about the relative change of the metric when it is small. 0 while I is 0. */
  readonly effect: number;
  /** s2: the variance of d. Infinite while I is 0. */
  readonly variance: number;
  /**
   * D: how many times more uncertain the sums are than those of independent requests with 0 or 1; the larger amounts
   * are and the more of the answers go to few users, the larger it is. In units of the metric.
   */
  readonly dispersion: number;
  /** The candidate's share of the answers, weighted by what each epoch can tell. */
  readonly candidateShare: number;
  readonly candidateAnswers: number;
  readonly stableAnswers: number;
  readonly candidateSum: number;
  readonly stableSum: number;
  /** Those epochs in which both arms have answers: others can tell nothing. */
  readonly epochs: readonly EpochSums[];
}

const SAMPLE_CORRECTION = USER_GROUPS / (USER_GROUPS - 1);

/**
 * The effect over epochs that {@link evidenceFault} found to be whole.
 *
 * @param zeroOne whether each answer counts 0 or 1, which bounds V from below.
 */
export function effectOf(epochs: readonly EpochEvidence[], zeroOne: boolean): Effect {
  const sums: EpochSums[] = [];
  const influence = new Float64Array(USER_GROUPS);
  let score = 0;
  let information = 0;
  let sharedInformation = 0;
  let stableSpread = 0;
  let binarySpread = 0;
  let candidateAnswers = 0;
  let stableAnswers = 0;
  let candidateSum = 0;
  let stableSum = 0;
  for (const { candidate, stable } of epochs) {
    const { answers: n1, sums: y1 } = candidate;
    const { answers: n0, sums: y0 } = stable;
    let [n1All, n0All, y1All, y0All] = [0, 0, 0, 0];
    for (let group = 0; group < USER_GROUPS; group++) {
      n1All += n1[group] ?? 0;
      n0All += n0[group] ?? 0;
      y1All += y1[group] ?? 0;
      y0All += y0[group] ?? 0;
    }
    candidateAnswers += n1All;
    stableAnswers += n0All;
    candidateSum += y1All;
    stableSum += y0All;
    if (n1All === 0 || n0All === 0) continue;
    const q = n1All / (n1All + n0All);
    const rate = (y1All + y0All) / (n1All + n0All);
    const stableRate = y0All / n0All;
    let spread = 0;
    for (let group = 0; group < USER_GROUPS; group++) {
      const stableN = n0[group] ?? 0;
      const stableY = y0[group] ?? 0;
      const beyond = (y1[group] ?? 0) - rate * (n1[group] ?? 0);
      influence[group] = (influence[group] ?? 0) + (1 - q) * beyond - q * (stableY - rate * stableN);
      const residual = stableY - stableRate * stableN;
      spread += residual * residual;
    }
    const epochInformation = q * (1 - q) * (y1All + y0All);
    score += y1All - q * (y1All + y0All);
    information += epochInformation;
    sharedInformation += epochInformation * q;
    if (y0All > 0) stableSpread += (epochInformation * SAMPLE_CORRECTION * spread) / y0All;
    if (zeroOne) binarySpread += epochInformation * (1 - rate);
    sums.push({ candidateShare: q, candidateSum: y1All, stableSum: y0All });
  }
  const spread = Math.max(SAMPLE_CORRECTION * squaresAroundMean(influence), stableSpread, binarySpread);
  const has = information > 0;
  return {
    score,
    information,
    effect: has ? score / information : 0,
    variance: has ? spread / information ** 2 : Number.POSITIVE_INFINITY,
    dispersion: has ? spread / information : 0,
    candidateShare: has ? sharedInformation / information : 0,
    candidateAnswers,
    stableAnswers,
    candidateSum,
    stableSum,
    epochs: sums,
  };
}

/**
 * The relative change of the metric's mean that an effect stands for: -0.1 means 10 % lower than stable's. In one epoch
 * the expected d is c / (1 + q c) for a change of c, and this is its inverse; over epochs q is the weighted share. -1
 * when the candidate has nothing, infinite when stable has nothing.
 */
export function relativeChange(effect: number, candidateShare: number): number {
  if (effect === Number.NEGATIVE_INFINITY) return -1;
  const rest = 1 - candidateShare * effect;
  if (rest <= 0) return Number.POSITIVE_INFINITY;
  return Math.max(-1, effect / rest);
}

function squaresAroundMean(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return squares;
}
