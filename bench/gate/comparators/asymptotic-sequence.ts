/**
 * Asymptotic confidence sequences (Waudby-Smith et al., arXiv 2103.06476) for a difference of means, as GrowthBook's
 * sequential tests have them, and the gate made of them.
 */
import type { Gate } from "../gate.ts";

const ALPHA = 0.05;
const TUNING = 15_000;
const BURN_IN_EVENTS = 10;

/** Sums of one arm over its units. */
export interface SampleSums {
  readonly count: number;
  readonly sum: number;
  readonly sumOfSquares: number;
}

/** The change of the mean from one arm to the other, with its variance as far as the delta method knows it. */
export interface Lift {
  readonly lift: number;
  readonly variance: number;
  readonly count: number;
}

/** The lift as a share of the first arm's mean. */
export function relativeLift(first: SampleSums, second: SampleSums): Lift {
  const [a, b] = [momentsOf(first), momentsOf(second)];
  const variance =
    b.variance / (a.mean ** 2 * second.count) + (a.variance * b.mean ** 2) / (a.mean ** 4 * first.count);
  return { lift: (b.mean - a.mean) / a.mean, variance, count: first.count + second.count };
}

/** Sums of zeros and ones. */
export function binarySums(count: number, successes: number): SampleSums {
  const mean = successes / count;
  // With the variance of a proportion, p (1 - p), where a sample's is a little larger.
  return { count, sum: successes, sumOfSquares: mean * (1 - mean) * (count - 1) + successes * mean };
}

/** Both ends of the sequence at this sample size. */
export function asymptoticInterval(
  { lift, variance, count }: Lift,
  alpha: number,
  tuning: number,
): [number, number] {
  const doubled = -2 * Math.log(alpha);
  const rho = Math.sqrt((doubled + Math.log1p(doubled)) / tuning);
  const scaled = count * rho ** 2;
  const width =
    Math.sqrt(variance * count) *
    Math.sqrt((2 * (scaled + 1) * Math.log(Math.sqrt(scaled + 1) / alpha)) / (count * rho) ** 2);
  return [lift - width, lift + width];
}

function momentsOf({ count, sum, sumOfSquares }: SampleSums): {
  readonly mean: number;
  readonly variance: number;
} {
  return { mean: sum / count, variance: (sumOfSquares - sum ** 2 / count) / (count - 1) };
}

/** Pools all requests; alarmed once the whole interval is below 0, with at least 10 clicks in each arm. */
export const asymptoticOnRequests: Gate = {
  name: "asymptotic sequence on requests",
  start: () => {
    const sums = [0, 0, 0, 0] as [number, number, number, number];
    return ({ candidate, stable }) => {
      sums[0] += stable.requests;
      sums[1] += stable.clicks;
      sums[2] += candidate.requests;
      sums[3] += candidate.clicks;
      if (Math.min(sums[1], sums[3]) < BURN_IN_EVENTS) return false;
      const lift = relativeLift(binarySums(sums[0], sums[1]), binarySums(sums[2], sums[3]));
      return asymptoticInterval(lift, ALPHA, TUNING)[1] < 0;
    };
  },
};
