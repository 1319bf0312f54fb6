/**
 * How many requests a quality gate needs, and how long they still take: for a status while it waits, and before any
 * traffic for who only has a plan.
 *
 * Plans, not promises: they suppose a candidate as good as stable, and traffic, rate and dispersion as they are.
 */
import {
  requestsFor,
  requestsForVerdict,
  type TrafficRate,
  USUAL_POWER,
  varianceForMargin,
} from "../../../stats/sample-size.ts";
import type { Need } from "./judgement.ts";

/** The traffic that a need is worked out from. */
export interface TrafficSoFar extends TrafficRate {
  readonly requestsPerSecond: number;
  /** Answers of both arms so far; 0 before any traffic. */
  readonly answers: number;
  /** What these can tell, in units of the metric: I of an effect. 0 before any traffic. */
  readonly information: number;
  /** How long labels take. */
  readonly maturesMilliseconds: number;
}

/** Until there is enough for any verdict. Nothing where the traffic says nothing, as before the first success. */
export function needForVerdict(traffic: TrafficSoFar, zeroOne: boolean): Need | undefined {
  if (!isUsable(traffic)) return undefined;
  return needed(requestsForVerdict(traffic, zeroOne) - traffic.answers, traffic, 0);
}

/**
 * Until a candidate as good as stable is shown, with the usual power, to be not worse by more than the margin: the
 * requests, and then the time until their labels have matured.
 *
 * @param alpha the probability that one worse by the margin passes.
 */
export function needForPromotion(traffic: TrafficSoFar, margin: number, alpha: number): Need | undefined {
  if (!isUsable(traffic)) return undefined;
  const { candidateShare: q, mean, information, maturesMilliseconds } = traffic;
  const variance = varianceForMargin(margin, { alpha, power: USUAL_POWER });
  // Answers of other weights than the present one count by what they can tell.
  const missing = requestsFor(variance, traffic) - information / (q * (1 - q) * mean);
  return needed(missing, traffic, maturesMilliseconds);
}

function isUsable({ candidateShare, mean, dispersion }: TrafficSoFar): boolean {
  return [candidateShare, 1 - candidateShare, mean, dispersion].every(
    (value) => value > 0 && value < Number.POSITIVE_INFINITY,
  );
}

function needed(
  missing: number,
  { answers, requestsPerSecond }: TrafficSoFar,
  thenMilliseconds: number,
): Need {
  const more = Math.max(0, Math.ceil(missing));
  const seconds =
    more === 0 ? 0 : requestsPerSecond > 0 ? more / requestsPerSecond : Number.POSITIVE_INFINITY;
  return { requests: answers + more, milliseconds: seconds * 1_000 + thenMilliseconds };
}
