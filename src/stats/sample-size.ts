/**
 * How many requests a gate needs, and how long they still take: said before a rollout starts and while it waits, so
 * that nobody learns only at the deadline that a margin was out of reach.
 *
 * Plans, not promises: they suppose a candidate as good as stable (or worse by exactly the harm in question), and the
 * dispersion as measured, which grows over a day as users come back.
 */
import { crossing } from "./crossing.ts";
import { LEAST_EXPECTED, LEAST_STABLE } from "./evidence-sizes.ts";
import { HARM_SCALE } from "./harm.ts";
import { logMeanEvidence } from "./harm-of-means.ts";
import { mixtureHalfWidth } from "./mixture-bounds.ts";
import { normalQuantile } from "./normal-distribution.ts";

/** The probability with which the verdict is to come within the sample. */
export const USUAL_POWER = 0.8;

/** What is known of the traffic. */
export interface TrafficRate {
  /** The candidate's share of the answers, between 0 and 1. */
  readonly candidateShare: number;
  /** Stable's mean of the metric an answer: 0.05 for a click-through of 5 %. Above 0. */
  readonly mean: number;
  /** D: 1 for independent requests that count 0 or 1; several for a day of a shop with heavy users. In units of the metric. */
  readonly dispersion: number;
}

/** What a plan rests on: the error and the power. */
export interface PlanSettings {
  /** The probability of the error that the gate bounds. */
  readonly alpha: number;
  readonly power: number;
}

/**
 * The variance of d at which non-inferiority is shown with the power: at which the margin is the half width of the
 * bounds plus that quantile of chance.
 */
export function varianceForMargin(margin: number, { alpha, power }: PlanSettings): number {
  const quantile = normalQuantile(power);
  return largestVariance(
    (variance) => margin - quantile * Math.sqrt(variance) - mixtureHalfWidth(variance, alpha, margin) > 0,
  );
}

/** The variance of d at which a harm of this size, as a share, is found with the power; alpha as the one gate has it. */
export function varianceForHarm(harm: number, { alpha, power }: PlanSettings): number {
  const quantile = normalQuantile(power);
  const logThreshold = Math.log(1 / alpha);
  return largestVariance((variance) => {
    const effect = -harm + quantile * Math.sqrt(variance);
    return effect < 0 && logMeanEvidence(effect, variance, HARM_SCALE) >= logThreshold;
  });
}

/**
 * Requests to both arms together after which there is enough for any verdict, as successes are expected; amounts are
 * counted in successes that would be as certain.
 *
 * @throws {RangeError} when the traffic is out of range.
 */
export function requestsForVerdict(traffic: TrafficRate, zeroOne: boolean): number {
  requireTraffic(traffic);
  const { candidateShare: q, mean, dispersion } = traffic;
  const successes = mean / (zeroOne ? 1 : dispersion);
  return Math.ceil(Math.max(LEAST_STABLE / (1 - q), LEAST_EXPECTED / Math.min(q, 1 - q)) / successes);
}

/**
 * Requests to both arms together after which d has this variance: D / (q (1 - q) mean s2). For a margin of 2 %, a mean
 * of 5 %, an even split and D = 1 that is 2.6 million.
 *
 * @throws {RangeError} when the traffic is out of range.
 */
export function requestsFor(variance: number, traffic: TrafficRate): number {
  requireTraffic(traffic);
  const { candidateShare: q, mean, dispersion } = traffic;
  return Math.ceil(dispersion / (q * (1 - q) * mean * variance));
}

function requireTraffic({ candidateShare: q, mean, dispersion }: TrafficRate): void {
  if (!(q > 0 && q < 1)) throw new RangeError(`expected a share between 0 and 1, got ${q}`);
  if (!(mean > 0 && mean < Number.POSITIVE_INFINITY))
    throw new RangeError(`expected a mean above 0, got ${mean}`);
  if (!(dispersion > 0 && dispersion < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`expected a dispersion above 0, got ${dispersion}`);
  }
}

/**
 * Seconds until an effect that has this information reaches the variance at the present rate; 0 when it has, infinite
 * without traffic.
 *
 * @param information I of the effect so far, in units of the metric.
 * @param requestsPerSecond to both arms together.
 */
export function secondsUntil(
  variance: number,
  information: number,
  requestsPerSecond: number,
  traffic: TrafficRate,
): number {
  const { candidateShare: q, mean } = traffic;
  const perRequest = q * (1 - q) * mean;
  const missing = requestsFor(variance, traffic) - information / perRequest;
  if (missing <= 0) return 0;
  return requestsPerSecond > 0 ? missing / requestsPerSecond : Number.POSITIVE_INFINITY;
}

/** On a logarithmic scale; `isEnough` holds below some variance and not above it. */
function largestVariance(isEnough: (variance: number) => boolean): number {
  return Math.exp(crossing(Math.log(1e-15), Math.log(1e3), (logVariance) => isEnough(Math.exp(logVariance))));
}
